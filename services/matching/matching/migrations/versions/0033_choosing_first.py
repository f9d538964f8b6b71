"""Givers choose first: pledges that wait for their giver, and holds on units of a need.

The generated column `open` is built anew, which writes the table of pledges once under lock. Statements of the release before go on.
"""

from alembic import op

revision = "matching_0033"
down_revision = "matching_0032"

OPEN = "NOT ended AND NOT expired AND rest > 0"
CHOSEN = "NOT ended AND NOT expired AND NOT choosing AND rest > 0"
FITTING = "CREATE INDEX pledges_fitting ON pledges (category, unit, scope, reliability DESC, offered_at) WHERE open"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE pledges ADD choosing boolean NOT NULL DEFAULT false, ADD choose_until timestamptz, ADD best_before timestamptz,"
        " ADD household_limit bigint, ADD claimed_need_id uuid, ADD claim_problem varchar(20)"
    )
    _open_while(CHOSEN)
    op.execute("CREATE INDEX pledges_choosing ON pledges (choose_until) WHERE choosing")
    op.execute(
        "CREATE TABLE holds (id uuid CONSTRAINT holds_pk PRIMARY KEY, version bigint NOT NULL, need_id uuid NOT NULL REFERENCES needs (id),"
        " giver_id uuid NOT NULL, quantity bigint NOT NULL CHECK (quantity > 0),"
        " state varchar(10) NOT NULL CHECK (state IN ('open', 'used', 'released', 'expired')), opened_at timestamptz NOT NULL,"
        " expires_at timestamptz NOT NULL, ended_at timestamptz)"
    )
    op.execute("CREATE UNIQUE INDEX holds_open ON holds (giver_id) WHERE state = 'open'")
    op.execute("CREATE INDEX holds_need_id ON holds (need_id) WHERE state = 'open'")
    op.execute("CREATE INDEX holds_expires_at ON holds (expires_at) WHERE state = 'open'")
    op.execute("CREATE INDEX holds_giver_id ON holds (giver_id, opened_at)")


def _open_while(condition: str) -> None:
    op.execute("ALTER TABLE pledges DROP open")
    op.execute(f"ALTER TABLE pledges ADD open boolean NOT NULL GENERATED ALWAYS AS ({condition}) STORED")
    op.execute(FITTING)


def downgrade() -> None:
    op.execute("UPDATE needs SET rest = rest + held.quantity FROM (SELECT need_id, quantity FROM holds WHERE state = 'open') AS held"
               " WHERE held.need_id = needs.id AND NOT ended")
    op.execute("DROP TABLE holds")
    _open_while(OPEN)
    op.execute(
        "ALTER TABLE pledges DROP choosing, DROP choose_until, DROP best_before, DROP household_limit, DROP claimed_need_id,"
        " DROP claim_problem"
    )
