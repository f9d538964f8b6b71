"""Ratings, what speaks for and against people, how reliable they are, appeals; pledges bear the class of who gives."""

from alembic import op

revision = "matching_0011"
down_revision = "matching_0010"

PRIOR = 3
GROWN = "power(CAST(2 AS float8), (CAST(extract(epoch FROM at) AS float8) - 1577836800) / 15552000)"
DESERVED = """
    SELECT matches.id AS match_id, pledger_id AS person_id, 'delivery' AS kind, CAST(received.quantity AS float8) / owed AS good,
        1 - CAST(received.quantity AS float8) / owed AS bad, received.at
    FROM matches JOIN movements AS received ON received.match_id = matches.id AND received.kind = 'received'
    JOIN movements AS sent ON sent.match_id = matches.id AND sent.kind = 'sent'
    JOIN movements AS promised ON promised.match_id = matches.id AND promised.kind = 'promised'
    CROSS JOIN LATERAL (
        SELECT promised.quantity - CASE WHEN received.reason IN ('lost', 'refused') THEN sent.quantity - received.quantity ELSE 0 END AS owed
    ) AS counted
    WHERE owed > 0
    UNION ALL
    SELECT matches.id, poster_id, 'collection', 1 - refused, refused, received.at
    FROM matches JOIN movements AS received ON received.match_id = matches.id AND received.kind = 'received'
    JOIN movements AS sent ON sent.match_id = matches.id AND sent.kind = 'sent'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN received.reason = 'refused' THEN 1 - CAST(received.quantity AS float8) / sent.quantity ELSE 0 END AS refused
    ) AS counted
    UNION ALL
    SELECT id, pledger_id, CASE ended_because WHEN 'giver_no_show' THEN 'no_show' ELSE 'withdrawal' END, 0,
        CASE ended_because WHEN 'giver_no_show' THEN 2 ELSE 0.5 END, closed_at
    FROM matches WHERE state = 'closed' AND ended_because IN ('giver_no_show', 'giver_withdrew')
    UNION ALL
    SELECT id, pledger_id, 'lapse', 0, 0.25, answered_at FROM matches WHERE state = 'lapsed' AND ended_because = 'deadline'
"""


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE ratings (
            match_id uuid REFERENCES matches (id),
            side varchar(10) CHECK (side IN ('giver', 'household')),
            stars smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
            by uuid NOT NULL,
            at timestamptz NOT NULL,
            closes_at timestamptz NOT NULL,
            shown_at timestamptz,
            CONSTRAINT ratings_pk PRIMARY KEY (match_id, side)
        )
        """
    )
    op.execute("CREATE INDEX ratings_hidden ON ratings (closes_at) WHERE shown_at IS NULL")
    op.execute(
        """
        CREATE TABLE marks (
            id uuid CONSTRAINT marks_pk PRIMARY KEY,
            version bigint NOT NULL,
            match_id uuid NOT NULL REFERENCES matches (id),
            person_id uuid NOT NULL,
            kind varchar(20) NOT NULL,
            good double precision NOT NULL CHECK (good >= 0),
            bad double precision NOT NULL CHECK (bad >= 0),
            at timestamptz NOT NULL,
            void_at timestamptz,
            CONSTRAINT marks_once UNIQUE (match_id, person_id, kind)
        )
        """
    )
    op.execute("CREATE INDEX marks_person_id ON marks (person_id, id)")
    op.execute(
        """
        CREATE TABLE reliabilities (
            person_id uuid CONSTRAINT reliabilities_pk PRIMARY KEY,
            good double precision NOT NULL,
            bad double precision NOT NULL,
            class smallint NOT NULL CHECK (class BETWEEN 0 AND 4),
            settle_at timestamptz
        ) WITH (fillfactor = 80)
        """
    )
    op.execute("CREATE INDEX reliabilities_settle_at ON reliabilities (settle_at)")
    op.execute(
        """
        CREATE TABLE appeals (
            id uuid CONSTRAINT appeals_pk PRIMARY KEY,
            version bigint NOT NULL,
            mark_id uuid NOT NULL CONSTRAINT appeals_once UNIQUE REFERENCES marks (id),
            person_id uuid NOT NULL,
            text bytea NOT NULL,
            state varchar(10) NOT NULL CHECK (state IN ('waiting', 'upheld', 'dismissed')),
            answer bytea,
            lodged_at timestamptz NOT NULL,
            decided_by uuid,
            decided_at timestamptz,
            CHECK ((state = 'waiting') = (decided_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX appeals_person_id ON appeals (person_id, id)")
    op.execute(f"ALTER TABLE pledges ADD reliability smallint NOT NULL DEFAULT {PRIOR} CHECK (reliability BETWEEN 0 AND 4)")
    op.execute("CREATE INDEX pledges_pledger_id ON pledges (pledger_id) WHERE NOT ended")
    op.execute("DROP INDEX pledges_fitting")
    op.execute("CREATE INDEX pledges_fitting ON pledges (category, unit, scope, reliability DESC, offered_at) WHERE NOT ended")
    op.execute(
        "INSERT INTO marks (id, version, match_id, person_id, kind, good, bad, at)"
        f" SELECT gen_random_uuid(), 1, match_id, person_id, kind, good, bad, at FROM ({DESERVED}) AS deserved"
    )
    op.execute(
        "INSERT INTO reliabilities (person_id, good, bad, class, settle_at)"
        f" SELECT person_id, sum(good * {GROWN}), sum(bad * {GROWN}), {PRIOR}, now() FROM marks GROUP BY person_id"
    )


def downgrade() -> None:
    op.execute("DROP INDEX pledges_fitting, pledges_pledger_id")
    op.execute("CREATE INDEX pledges_fitting ON pledges (category, unit, scope, offered_at) WHERE NOT ended")
    op.execute("ALTER TABLE pledges DROP reliability")
    op.execute("DROP TABLE appeals, reliabilities, marks, ratings")
