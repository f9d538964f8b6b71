"""Clearing: fitting pairs are proposed in any order of arrival, and nothing twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.matching import MatchLapsed, MatchNeedEnded, MatchProposed, MatchRefused, PledgeReleased
from matching.book import clearing_queue
from matching.intake import actions
from matching.matches.actions import answers

from .conftest import VILLAGE, changed, clear, offered, published, taken_back, told, withdrawn

MORE_NEEDS = """
INSERT INTO needs SELECT gen_random_uuid(), 2, household_id, NULL, poster_id, region, category, unit, 1, 1, 1, false, posted_at
FROM needs, generate_series(1, 90)
"""


MORE_PLEDGES = """
INSERT INTO pledges SELECT gen_random_uuid(), 1, pledger_id, category, unit, scope, 1, 0, false, valid_until, offered_at, 0
FROM pledges, generate_series(1, 110)
"""
MORE_MATCHES = """
INSERT INTO matches (id, version, need_id, pledge_id, household_id, poster_id, pledger_id, region, category, unit, quantity, state, reasons,
                     barred, proposed_at, answer_by)
SELECT gen_random_uuid(), 1, needs.id, pledges.id, household_id, poster_id, pledger_id, region, needs.category, needs.unit, 1, 'proposed',
       '[]', false, now(), now()
FROM needs, pledges WHERE NOT EXISTS (SELECT FROM matches WHERE pledge_id = pledges.id)
"""


def book(database: RolledBack, *events: Any) -> None:
    acts: dict[str, Any] = {
        "NeedPublished": lambda session, event: actions.book_needs(session, [event]),
        "NeedWithdrawn": lambda session, event: actions.end_needs(session, [event]),
        "PledgeOffered": lambda session, event: actions.book_pledges(session, [event]),
        "PledgeChanged": actions.change_pledge,
        "PledgeWithdrawn": actions.withdraw_pledge,
    }
    for event in events:
        with database.begin() as session:
            acts[type(event).__name__](session, event)


def rests(database: RolledBack) -> tuple[int, int]:
    """Return the open quantities of all needs and all pledges."""
    with database.begin() as session:
        return tuple(session.scalar(text(f"SELECT coalesce(sum(rest), 0)::bigint FROM {table}")) for table in ("needs", "pledges"))  # type: ignore[return-value]


def listed(database: RolledBack) -> int:
    with database.begin() as session:
        return session.scalar(text("SELECT count(*) FROM to_clear")) or 0


@pytest.mark.parametrize("need_first", [True, False])
def test_need_and_pledge_are_proposed_in_either_order(database: RolledBack, need_first: bool) -> None:
    need, pledge = published(), offered()
    for event in (need, pledge) if need_first else (pledge, need):
        book(database, event)
        clear(database)
    [proposal] = told(database, MatchProposed)
    assert (proposal.need_id, proposal.pledge_id, proposal.quantity) == (need.need_id, pledge.pledge_id, 50)
    assert rests(database) == (0, 50)
    assert listed(database) == 0


def test_a_proposal_says_why(database: RolledBack) -> None:
    book(database, published(urgency="critical", posted_at=datetime.now(UTC) - timedelta(days=3)), offered(category="food", quantity=20))
    clear(database)
    [proposal] = told(database, MatchProposed)
    assert {reason.code: reason.value for reason in proposal.reasons} == {
        "same_group": "food", "covers_part": 20, "urgency": "critical", "waiting_days": 3, "within": "city",
    }  # fmt: skip


def test_a_proposal_says_what_would_have_changed_it(database: RolledBack) -> None:
    book(database, published(urgency="critical"), published(urgency="urgent", region="510903001002"), offered(quantity=20))
    clear(database)
    [proposal] = told(database, MatchProposed)
    assert {reason.code: reason.value for reason in proposal.reasons}["decided_by_urgency"] == "critical"
    with database.begin() as session:
        lead, parts, score = session.execute(text("SELECT lead, parts, score FROM matches")).one()
    assert lead == 20_000
    assert score == sum(parts.values())


@pytest.mark.parametrize(
    "pledge",
    [
        offered(region="5107"),
        offered(category="food.oil", unit="l"),
        offered(unit="l"),
        offered(category="foo"),
        offered(valid_until=datetime.now(UTC) - timedelta(minutes=1)),
    ],
)
def test_what_does_not_fit_is_not_proposed_and_leaves_the_list(database: RolledBack, pledge: Any) -> None:
    book(database, published(), pledge)
    assert clear(database) == 0
    assert listed(database) == 0


def test_refused_pair_is_not_proposed_again_but_others_are(client: Client, database: RolledBack) -> None:
    need, pledge = published(), offered(quantity=50)
    book(database, need, pledge)
    clear(database)
    pledger = Person("donor")
    pledger.id = pledge.pledger_id
    match = told(database, MatchProposed)[0].match_id
    answer = client.post(f"/v1/matches/{match}/refusal", {"reason": "other"}, by=pledger)
    assert (answer.status_code, answer.json["state"], answer.json["ended_because"]) == (201, "refused", "other")
    assert told(database, MatchRefused)[0].version == 2
    assert clear(database) == 0
    assert listed(database) == 0
    book(database, offered(quantity=10), published(quantity=7))
    clear(database)
    assert rests(database) == (40, 43)


def test_an_unanswered_proposal_lapses_and_is_not_made_again(database: RolledBack) -> None:
    book(database, published(), offered())
    clear(database)
    with database.begin() as session:
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 second'"))
    with database.begin() as session:
        assert answers.lapse_matches(session) == 1
    with database.begin() as session:
        assert answers.lapse_matches(session) == 0
    [lapsed] = told(database, MatchLapsed)
    assert (lapsed.version, lapsed.reason) == (2, "deadline")
    assert rests(database) == (50, 100)
    assert clear(database) == 0


def test_a_withdrawn_need_frees_the_pledge_and_gets_nothing_more(database: RolledBack) -> None:
    need = published()
    book(database, need, offered())
    clear(database)
    book(database, withdrawn(need))
    assert told(database, MatchLapsed)[0].reason == "need_withdrawn"
    assert rests(database) == (0, 100)
    assert clear(database) == 0


def test_a_withdrawal_heard_before_the_need_wins(database: RolledBack) -> None:
    need = published()
    book(database, offered(), withdrawn(need), need)
    assert clear(database) == 0


def test_changed_pledge_releases_proposals_and_keeps_promises(client: Client, database: RolledBack) -> None:
    first, second, pledge = published(quantity=30), published(quantity=30), offered(quantity=60)
    book(database, first, pledge)
    clear(database)
    pledger = Person("donor")
    pledger.id = pledge.pledger_id
    accepted = told(database, MatchProposed)[0].match_id
    assert client.post(f"/v1/matches/{accepted}/acceptance", by=pledger).status_code == 201
    book(database, second)
    clear(database)
    book(database, changed(pledge, quantity=45))
    [released] = told(database, PledgeReleased)
    assert (released.answers, released.accepted, released.open) == (2, 30, 15)
    assert [lapse.reason for lapse in told(database, MatchLapsed)] == ["pledge_changed"]
    clear(database)
    assert rests(database) == (15, 0)


def test_a_change_below_what_was_accepted_leaves_nothing_open(client: Client, database: RolledBack) -> None:
    pledge = offered(quantity=50)
    book(database, published(quantity=50), pledge)
    clear(database)
    pledger = Person("donor")
    pledger.id = pledge.pledger_id
    client.post(f"/v1/matches/{told(database, MatchProposed)[0].match_id}/acceptance", by=pledger)
    book(database, changed(pledge, quantity=10))
    [released] = told(database, PledgeReleased)
    assert (released.accepted, released.open) == (50, 0)


def test_withdrawn_pledge_stays_withdrawn_after_late_events(database: RolledBack) -> None:
    pledge = offered()
    book(database, published(), pledge)
    clear(database)
    book(database, taken_back(pledge, version=3), changed(pledge, quantity=500), pledge)
    [released] = told(database, PledgeReleased)
    assert (released.answers, released.withdrawn, released.open) == (3, True, 0)
    assert rests(database) == (50, 0)
    assert clear(database) == 0


def test_a_change_heard_before_its_pledge_counts(database: RolledBack) -> None:
    pledge = offered()
    book(database, changed(pledge, quantity=7), pledge, published())
    clear(database)
    assert rests(database) == (43, 0)


def test_large_pledge_stays_queued_until_all_needs_are_served(database: RolledBack) -> None:
    book(database, *(published(quantity=1) for _ in range(5)))
    while clear(database) or listed(database):
        pass
    with database.begin() as session:
        session.execute(text(MORE_NEEDS))
    book(database, offered(quantity=1000))
    proposals = 0
    for _ in range(50):
        with database.begin() as session:
            session.execute(text("UPDATE to_clear SET due_at = now()"))
        proposals += clear(database)
        if not listed(database):
            break
    assert proposals == 455
    assert rests(database) == (0, 545)


def test_entry_from_before_a_clock_setback_is_cleared(database: RolledBack) -> None:
    book(database, published(), offered())
    with database.begin() as session:
        session.execute(text("UPDATE to_clear SET due_at = due_at + interval '1 day'"))
    assert clear(database) == 1
    assert listed(database) == 0


def test_entry_put_off_keeps_its_age(database: RolledBack) -> None:
    def age() -> float:
        with database.begin() as session:
            return clearing_queue.age_seconds(session)

    assert age() == 0
    need = published()
    book(database, need)
    with database.begin() as session:
        session.execute(text("UPDATE to_clear SET queued_at = now() - interval '1 hour', due_at = clock_timestamp() + interval '20 ms'"))
        clearing_queue.add(session, "need", [need.need_id])
    book(database, published())
    assert age() == pytest.approx(3600, abs=600)
    with database.begin() as session:
        session.execute(text("UPDATE to_clear SET due_at = now()"))
    clear(database)
    assert age() == 0


def test_a_township_s_pledge_helps_that_township_only(database: RolledBack) -> None:
    book(database, published(region="510903002001"), offered(region=VILLAGE[:9]))
    assert clear(database) == 0
    book(database, published(region=VILLAGE))
    assert clear(database) == 1


def test_clearing_does_not_read_all_needs_of_a_popular_item(database: RolledBack) -> None:
    book(database, published(region="510903002002"))
    with database.begin() as session:
        session.execute(text(MORE_NEEDS.replace("90", "20_000")))
        session.execute(text("ANALYZE needs"))
    book(database, *(offered(region=VILLAGE[:9]) for _ in range(20)))
    clear(database)
    with database.begin() as session:
        assert session.scalar(text("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'needs'")) < 20_000
    assert listed(database) == 0


def balanced(database: RolledBack) -> bool:
    """Check that free and reserved units of every pledge add up to its quantity."""
    with database.begin() as session:
        return not session.scalar(
            text(
                "SELECT count(*) FROM pledges WHERE NOT ended AND quantity <> rest + (SELECT coalesce(sum(quantity), 0) FROM matches"
                " WHERE pledge_id = pledges.id AND state IN ('proposed', 'accepted'))"
            )
        )


@pytest.mark.parametrize(
    ("pledged", "first", "second", "wanted"), [(10, 4, 0, 6), (10, 5, 3, 7), (10, 5, 3, 2), (10, 5, 3, 10), (10, 5, 5, 15)]
)
def test_free_and_reserved_units_add_up_after_a_change(
    client: Client, database: RolledBack, pledged: int, first: int, second: int, wanted: int
) -> None:
    pledge = offered(quantity=pledged)
    book(database, published(quantity=first), pledge)
    clear(database)
    if second:
        pledger = Person("donor")
        pledger.id = pledge.pledger_id
        client.post(f"/v1/matches/{told(database, MatchProposed)[0].match_id}/acceptance", by=pledger)
        book(database, published(quantity=second))
        clear(database)
    assert balanced(database)
    book(database, changed(pledge, quantity=wanted))
    [released] = told(database, PledgeReleased)
    assert (released.quantity, released.open) == (max(wanted, released.accepted), max(wanted, released.accepted) - released.accepted)
    assert balanced(database)
    clear(database)
    assert balanced(database)


def test_two_hundred_barred_pledges_do_not_hide_the_next_one(database: RolledBack) -> None:
    need = published(quantity=1000)
    book(database, need, *(offered(quantity=1) for _ in range(2)))
    clear(database)
    with database.begin() as session:
        session.execute(text(MORE_PLEDGES))
        session.execute(text(MORE_MATCHES))
        session.execute(text("UPDATE needs SET rest = rest - 220"))
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 second'"))
        assert answers.lapse_matches(session) == 222
    assert sum(clear(database) for _ in range(15)) == 0
    assert listed(database) == 0
    book(database, offered(quantity=1000))
    assert clear(database) == 1
    assert listed(database) == 0


def test_who_accepted_is_told_when_the_need_ends(client: Client, database: RolledBack) -> None:
    need, pledge = published(), offered()
    book(database, need, pledge)
    clear(database)
    pledger = Person("donor")
    pledger.id = pledge.pledger_id
    client.post(f"/v1/matches/{told(database, MatchProposed)[0].match_id}/acceptance", by=pledger)
    book(database, withdrawn(need))
    [ended] = told(database, MatchNeedEnded)
    assert (ended.version, ended.reason, ended.pledger_id) == (3, "need_withdrawn", pledge.pledger_id)


def test_a_proposal_waits_no_longer_than_its_pledge_is_valid(database: RolledBack) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    book(database, published(), offered(valid_until=soon))
    clear(database)
    assert told(database, MatchProposed)[0].answer_by == soon


def test_a_pledge_for_a_group_finds_every_item_below_it(database: RolledBack) -> None:
    book(database, published(category="food.rice"), published(category="food.flour"), published(category="foot.care"))
    while clear(database):
        pass
    book(database, offered(category="food", quantity=500))
    assert clear(database) == 2


def test_need_ended_twice_in_one_batch_ends_once(database: RolledBack) -> None:
    need = published()
    book(database, need, offered())
    clear(database)
    with database.begin() as session:
        actions.end_needs(session, [withdrawn(need), withdrawn(need)])
    assert len(told(database, MatchLapsed)) == 1
