"""Record reliability events: evidence for and against people, read off their matches, recorded once and added to their sums."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from matching.allocation.score import PRIOR_CLASS
from matching.reliability.rules import EPOCH, HALF_LIFE, LAPSE, NO_SHOW, RATING, WITHDRAWAL

_MOST_EVENTS_OF_A_MATCH = 4
AT_ONCE = 1_000

# Units lost on their way or refused at the door are not the giver's doing: they count neither for nor against.
DERIVED_EVENTS = f"""
    SELECT matches.id AS match_id, pledger_id AS person_id, 'delivery' AS kind, CAST(arrived AS float8) / owed AS good,
        1 - CAST(arrived AS float8) / owed AS bad, received.at
    FROM matches JOIN movements AS received ON received.match_id = matches.id AND received.kind = 'received'
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (SELECT quantity FROM movements WHERE match_id = matches.id AND kind = 'corrected'), received.quantity
        ) AS arrived
    ) AS found
    JOIN movements AS sent ON sent.match_id = matches.id AND sent.kind = 'sent'
    JOIN movements AS promised ON promised.match_id = matches.id AND promised.kind = 'promised'
    CROSS JOIN LATERAL (
        SELECT promised.quantity
            - CASE WHEN received.reason IN ('lost', 'refused') THEN sent.quantity - received.quantity ELSE 0 END AS owed
    ) AS counted
    WHERE owed > 0 AND {{which}}
    UNION ALL
    SELECT matches.id, poster_id, 'collection', 1 - refused, refused, received.at
    FROM matches JOIN movements AS received ON received.match_id = matches.id AND received.kind = 'received'
    JOIN movements AS sent ON sent.match_id = matches.id AND sent.kind = 'sent'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN received.reason = 'refused' THEN 1 - CAST(received.quantity AS float8) / sent.quantity ELSE 0 END AS refused
    ) AS counted
    WHERE {{which}}
    UNION ALL
    SELECT id, pledger_id, CASE ended_because WHEN 'giver_no_show' THEN 'no_show' ELSE 'withdrawal' END, 0,
        CASE ended_because WHEN 'giver_no_show' THEN {NO_SHOW} ELSE {WITHDRAWAL} END, closed_at
    FROM matches WHERE state = 'closed' AND ended_because IN ('giver_no_show', 'giver_withdrew') AND {{which}}
    UNION ALL
    SELECT id, pledger_id, 'lapse', 0, {LAPSE}, answered_at FROM matches WHERE state = 'lapsed' AND ended_because = 'deadline' AND {{which}}
    UNION ALL
    SELECT matches.id, CASE side WHEN 'household' THEN pledger_id ELSE poster_id END, 'rating', {RATING} * (stars - 1) / 4,
        {RATING} * (5 - stars) / 4, ratings.at
    FROM matches JOIN ratings ON match_id = matches.id WHERE shown_at IS NOT NULL AND {{which}}
"""
"""SQL: all reliability events that the book implies; ratings once they are shown."""

GROWTH = f"power(CAST(2 AS float8), (CAST(extract(epoch FROM at) AS float8) - {EPOCH.timestamp()}) / {HALF_LIFE.total_seconds()})"
"""SQL: `rules.forward_weight` of an event."""

# Inserts the events of these matches that are not recorded yet, and adds them to the sums of their people.
_RECORD = text(
    f"""
    WITH deserved AS ({DERIVED_EVENTS.format(which="matches.id = ANY(CAST(:match_ids AS uuid[]))")}),
    numbered AS (SELECT *, row_number() OVER (ORDER BY match_id, person_id, kind) AS number FROM deserved),
    noted AS (
        INSERT INTO marks (id, version, match_id, person_id, kind, good, bad, at, suspended)
        SELECT spare.id, 1, match_id, person_id, kind, good, bad, at,
            EXISTS (SELECT FROM matches WHERE matches.id = numbered.match_id AND dispute = 'open')
        FROM numbered JOIN unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS spare (id, number) USING (number)
        ON CONFLICT (match_id, person_id, kind) DO NOTHING RETURNING person_id, good, bad, at, suspended
    )
    INSERT INTO reliabilities (person_id, good, bad, class, settle_at)
    SELECT person_id, sum(good * {GROWTH}), sum(bad * {GROWTH}), {PRIOR_CLASS}, now()
    FROM noted WHERE NOT suspended GROUP BY person_id ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE
    SET good = reliabilities.good + excluded.good, bad = reliabilities.bad + excluded.bad, settle_at = excluded.settle_at
    """
)
# Brings the events of a match to what the book yields now. They are contested, so no sum holds them.
_AMEND = text(
    f"""
    UPDATE marks SET good = deserved.good, bad = deserved.bad, version = version + 1
    FROM ({DERIVED_EVENTS.format(which="matches.id = :match_id")}) AS deserved
    WHERE marks.match_id = deserved.match_id AND marks.person_id = deserved.person_id AND marks.kind = deserved.kind
        AND (marks.suspended OR void_at IS NOT NULL) AND (marks.good, marks.bad) IS DISTINCT FROM (deserved.good, deserved.bad)
    """
)
# Voids an event once and subtracts it from the sums of its person.
_VOID = text(
    f"""
    WITH taken AS (
        UPDATE marks SET void_at = now(), version = version + 1 WHERE id = :id AND void_at IS NULL
        RETURNING person_id, good, bad, at, suspended
    )
    UPDATE reliabilities
    SET good = greatest(0, reliabilities.good - taken.good * {GROWTH}), bad = greatest(0, reliabilities.bad - taken.bad * {GROWTH}),
        settle_at = now()
    FROM taken WHERE reliabilities.person_id = taken.person_id AND NOT taken.suspended
    """
)
_EVENTS_OF_MATCH = text("SELECT id FROM marks WHERE match_id = :match_id")
_LOCK_EVENTS = text("SELECT FROM marks WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")
# An event is contested while its match is disputed or its appeal waits. Reads tables of the rooms above: disputes' column and appeals.
_CONTESTED = """
    (SELECT dispute IS NOT DISTINCT FROM 'open' FROM matches WHERE matches.id = match_id)
    OR EXISTS (SELECT FROM appeals WHERE mark_id = marks.id AND state = 'waiting')
"""
_WRONGLY_COUNTED = text(f"SELECT id FROM marks WHERE void_at IS NULL AND suspended <> ({_CONTESTED}) LIMIT :limit")
# Suspends contested events and counts those again that are no longer contested; the sums of their people follow.
_SUSPEND = text(
    f"""
    WITH judged AS (SELECT id, {_CONTESTED} AS contested FROM marks WHERE id = ANY(CAST(:ids AS uuid[])) AND void_at IS NULL),
    changed AS (
        UPDATE marks SET suspended = contested, version = version + 1 FROM judged WHERE judged.id = marks.id AND suspended <> contested
        RETURNING person_id, good, bad, at, CASE WHEN contested THEN -1 ELSE 1 END AS sign
    )
    INSERT INTO reliabilities (person_id, good, bad, class, settle_at)
    SELECT person_id, sum(sign * good * {GROWTH}), sum(sign * bad * {GROWTH}), {PRIOR_CLASS}, now()
    FROM changed GROUP BY person_id ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE
    SET good = greatest(0, reliabilities.good + excluded.good), bad = greatest(0, reliabilities.bad + excluded.bad),
        settle_at = excluded.settle_at
    """
)

_LONGER_TIMEOUT = text("SET LOCAL statement_timeout = '15min'")
# Matches with an implied event that is not recorded.
_MISSED = text(
    f"""
    SELECT match_id FROM ({DERIVED_EVENTS.format(which="true")}) AS deserved
    WHERE NOT EXISTS (
        SELECT FROM marks WHERE marks.match_id = deserved.match_id AND marks.person_id = deserved.person_id AND marks.kind = deserved.kind
    ) LIMIT :limit
    """
)


def record_events(session: Session, match_ids: Collection[UUID]) -> None:
    """Record the new reliability events of these matches. Concurrent calls wait for each other's people, in the order of ids."""
    if match_ids:
        ids = [new_id() for _ in range(_MOST_EVENTS_OF_A_MATCH * len(match_ids))]
        session.execute(_RECORD, {"match_ids": sorted(match_ids), "ids": ids})


def record_missed_events(session: Session) -> int:
    """Record events that were missed when they happened, as by an older release; returns the number of matches."""
    session.execute(_LONGER_TIMEOUT)
    missed = session.scalars(_MISSED, {"limit": AT_ONCE}).all()
    record_events(session, set(missed))
    update_suspensions(session, session.scalars(_WRONGLY_COUNTED, {"limit": AT_ONCE}).all())
    return len(missed)


def update_suspensions_of_match(session: Session, match_id: UUID) -> None:
    """Stop or resume counting the events of a match, after a dispute about it was opened or settled."""
    update_suspensions(session, session.scalars(_EVENTS_OF_MATCH, {"match_id": match_id}).all())


def update_suspensions(session: Session, event_ids: Collection[UUID]) -> None:
    """Stop counting those events that are contested, and count again those that are not. Call it after the change was flushed."""
    if event_ids:
        # Locked first: of two changes at once, the later one sees both.
        session.execute(_LOCK_EVENTS, {"ids": sorted(event_ids)})
        session.execute(_SUSPEND, {"ids": sorted(event_ids)})


def amend_events(session: Session, match_id: UUID) -> None:
    """Judge the events of a match anew, whose receipt a dispute corrected. Call it while the dispute still suspends them."""
    session.execute(_AMEND, {"match_id": match_id})


def void_event(session: Session, event_id: UUID) -> None:
    """Void an event, once: it does not count any more."""
    session.execute(_VOID, {"id": event_id})
