"""The audit finds nothing in a book that acts made, and names each spoilt row and no other."""

import json
import random
from collections.abc import Callable, Iterator
from math import isnan
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.messaging import journal, outbox
from chassis.testing.fixtures import RolledBack
from matching import audit as command
from matching.balance import publication
from matching.checks import actions as checks
from matching.checks.actions import CHECKS, report_audit, run_checks
from matching.checks.check import Check
from matching.checks.metrics import AUDIT
from matching.clearing import actions
from matching.intake import actions as booking
from matching.matches.actions import answers, delivery

from .conftest import DAYS, changed, offered, published, withdrawn
from .test_balance import COUNTY, accept_all, book, keep, run
from .test_balance_recount import live


def offending(database: Database) -> dict[str, dict[str, str]]:
    """Return the audit's findings by check."""
    with database.begin() as session:
        found = list(run_checks(session))
    assert all(0 <= finding.seconds < 600 for finding in found)
    return {finding.check.code: finding.row for finding in found if finding.row}


def clear_all(database: Database) -> None:
    while True:
        with database.begin() as session:
            session.execute(text("UPDATE to_clear SET due_at = now()"))
            if not actions.clear(session, 3 * DAYS).due:
                return


@pytest.fixture(scope="module")
def book_of_all_kinds(database_of: Callable[[str, str], str]) -> Iterator[RolledBack]:
    """A book that `fill` filled once, for every test to spoil in its own savepoint."""
    database = RolledBack(database_of("matching", "matching_spoilt"), name="audit")
    with database.trial():
        fill(database)
        yield database
    database.close()


@pytest.fixture
def settled(book_of_all_kinds: RolledBack) -> Iterator[RolledBack]:
    with book_of_all_kinds.case():
        yield book_of_all_kinds


def fill(database: RolledBack) -> None:
    """Needs that wait, that are helped in part and whole, and that ended; pledges that are used up and not; in each state a match."""
    needs = [published(quantity=10) for _ in range(6)]
    book(database, needs, [offered(quantity=25)])
    clear_all(database)
    accept_all(database)
    with database.begin() as session:
        booking.end_needs(session, [withdrawn(needs[0])])
    oil = offered(category="food.oil", unit="l", quantity=7)
    book(database, [published(category="food.oil", unit="l")], [offered(quantity=40), oil])
    clear_all(database)
    with database.begin() as session:
        journal.maintain_partitions(session, days_kept=90)
        booking.change_pledge(session, changed(oil, quantity=9))
    with database.begin() as session:
        match = session.execute(text("SELECT id, pledger_id FROM matches WHERE state = 'proposed' ORDER BY id LIMIT 1")).one()
        answers.refuse_match(session, Caller(match.pledger_id, "donor", session), match.id, "other")
    clear_all(database)
    keep(database)
    deliver(database)
    with database.begin() as session:
        assert publication.publish_changed_balances(session)


def deliver(database: Database) -> None:
    """Each way that a promise may go: sent whole and in part, received whole and in part, closed, called off for either kind of reason."""
    ways: list[list[tuple[str, dict[str, Any]]]] = [
        [("send", {"carrier": "in_person"})],
        [("send", {"carrier": "in_person", "quantity": 4})],
        [("send", {"carrier": "in_person", "quantity": 6}), ("receive", {"quantity": 5, "reason": "damaged"})],
        [("send", {"carrier": "in_person"}), ("receive", {}), ("close", {})],
        [("send", {"carrier": "in_person", "quantity": 3}), ("receive", {"quantity": 0, "reason": "lost"}), ("close", {})],
        [("cancel", {"reason": "giver_no_show"})],
        [("cancel", {"reason": "need_over"})],
        [("send", {"carrier": "in_person", "quantity": 2}), ("cancel", {"reason": "household_moved"})],
        [("send", {"carrier": "in_person", "quantity": 2}), ("cancel", {"reason": "not_deliverable"})],
    ]
    for number, way in enumerate(ways):
        category, account = f"school.item{number}", new_id()
        book(database, [published(category=category, account_id=account, quantity=9)], [offered(category=category, quantity=8)])
        clear_all(database)
        with database.begin() as session:
            match = session.execute(text("SELECT id, pledger_id FROM matches WHERE category = :category"), {"category": category}).one()
            answers.accept_match(session, Caller(match.pledger_id, "donor", session), match.id, 7)
        for act, body in way:
            caller, kind = (match.pledger_id, "donor") if act == "send" else (account, "household")
            with database.begin() as session:
                getattr(delivery, f"{act}_match")(session, Caller(caller, kind, session), match.id, **body)
    clear_all(database)
    keep(database)


def one(database: Database, query: str) -> str:
    with database.begin() as session:
        return str(session.scalar(text(query)))


def test_nothing_is_found_where_only_acts_changed_the_book(settled: RolledBack) -> None:
    assert offending(settled) == {}
    assert one(settled, "SELECT count(DISTINCT state) FROM matches") == "7"


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_after_random_acts(database: RolledBack, seed: int) -> None:
    live(database, random.Random(seed + 100), 120)
    assert offending(database) == {}


def free(table: str) -> str:
    return f"SELECT id FROM {table} WHERE NOT ended ORDER BY id LIMIT 1"


def add_match(need: str, pledge: str, quantity: int, state: str) -> str:
    """SQL: a match that no act made."""
    return (
        "INSERT INTO matches (id, version, need_id, pledge_id, household_id, poster_id, pledger_id, region, category, unit, quantity,"
        " state, reasons, barred, proposed_at, answer_by, answered_at)"
        f" SELECT gen_random_uuid(), 1, ({need}), ({pledge}), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '51',"
        f" 'food.rice', 'kg', {quantity}, '{state}', '[]', false, '2020-01-01', '2020-01-01', '2020-01-01'"
    )


NEW_NEED = (
    "INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, urgency, quantity, rest, ended, posted_at)"
    " VALUES (gen_random_uuid(), 1, gen_random_uuid(), gen_random_uuid(), '510903001001', 'help.other', 'kg', 1, {quantity}, {rest},"
    " {ended}, now()) RETURNING id"
)
NEW_PLEDGE = (
    "INSERT INTO pledges (id, version, pledger_id, category, unit, scope, quantity, rest, ended, valid_until, offered_at, releases)"
    " VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'help', 'kg', '{scope}', {quantity}, {rest}, {ended},"
    " now() + interval '1 day', now(), 0) RETURNING id"
)


def entered(database: Database, statement: str, **figures: Any) -> str:
    return one(database, statement.format(**{"quantity": 5, "rest": 5, "ended": "false", "scope": "33"} | figures))


def held(database: Database, need: str, pledge: str, quantity: int, state: str = "accepted") -> None:
    run(database, add_match(f"SELECT '{need}'::uuid", f"SELECT '{pledge}'::uuid", quantity, state))
    if state == "accepted":
        moved = "INSERT INTO movements (match_id, kind, quantity, version, at) SELECT id, 'promised', quantity, 1, proposed_at FROM matches"
        run(database, f"{moved} WHERE need_id = '{need}' AND pledge_id = '{pledge}'")


def test_a_need_that_got_more_than_it_asked_for_is_named(settled: RolledBack) -> None:
    need = entered(settled, NEW_NEED, rest=0)
    pledge = entered(settled, NEW_PLEDGE, quantity=6, rest=0)
    held(settled, need, pledge, 6)
    keep(settled)
    assert offending(settled) == {"need_over_allocated": {"id": need}}


def test_a_pledge_of_which_more_was_given_than_there_is_is_named(settled: RolledBack) -> None:
    need = entered(settled, NEW_NEED, quantity=6, rest=0)
    pledge = entered(settled, NEW_PLEDGE, rest=0)
    held(settled, need, pledge, 6)
    keep(settled)
    assert offending(settled) == {"pledge_over_allocated": {"id": pledge}}


@pytest.mark.parametrize(("table", "code"), [("needs", "need_unaccounted"), ("pledges", "pledge_unaccounted")])
def test_a_unit_that_vanished_is_named(settled: RolledBack, table: str, code: str) -> None:
    spoilt = one(settled, f"SELECT id FROM {table} WHERE NOT ended AND rest > 0 ORDER BY id LIMIT 1")
    run(settled, f"UPDATE {table} SET rest = rest - 1 WHERE id = '{spoilt}'")
    assert offending(settled) == {code: {"id": spoilt}}


@pytest.mark.parametrize(
    ("statement", "code"), [(NEW_NEED, "need_unaccounted"), (NEW_PLEDGE, "pledge_unaccounted")], ids=["need", "pledge"]
)
def test_what_ended_and_is_still_free_is_named(settled: RolledBack, statement: str, code: str) -> None:
    spoilt = entered(settled, statement, ended="true")
    assert offending(settled) == {code: {"id": spoilt}}


def test_audit_names_ended_need_with_open_proposal(settled: RolledBack) -> None:
    need = entered(settled, NEW_NEED, rest=0, ended="true")
    pledge = entered(settled, NEW_PLEDGE, rest=0)
    held(settled, need, pledge, 5, "proposed")
    assert offending(settled) == {"need_unaccounted": {"id": need}}


@pytest.mark.parametrize(
    "spoilt",
    [
        "INSERT INTO movements (match_id, kind, quantity, version, at) SELECT '{match}', 'received', 1, 3, now()",
        "INSERT INTO movements (match_id, kind, quantity, version, at) SELECT '{match}', 'sent', 3, 3, '2020-01-01'",
        "UPDATE matches SET state = 'received' WHERE id = '{match}'",
        "UPDATE matches SET quantity = 1 WHERE id = '{match}'",
    ],
)
def test_audit_names_match_whose_movements_contradict_its_state(settled: RolledBack, spoilt: str) -> None:
    match = one(settled, "SELECT id FROM matches WHERE state = 'accepted' ORDER BY id LIMIT 1")
    run(settled, spoilt.format(match=match))
    assert offending(settled)["movements_untrue"] == {"id": match}


@pytest.mark.parametrize(("side", "other"), [("need", NEW_PLEDGE), ("pledge", NEW_NEED)])
def test_a_match_that_lacks_a_side_is_named(settled: RolledBack, side: str, other: str) -> None:
    there, gone = entered(settled, other, rest=0), str(new_id())
    held(settled, *((gone, there) if side == "need" else (there, gone)), 5)
    match = one(settled, f"SELECT id FROM matches WHERE {side}_id = '{gone}'")
    assert offending(settled) == {f"match_without_{side}": {"id": match, f"{side}_id": gone}}


def test_audit_names_only_unqueued_fitting_pairs(settled: RolledBack) -> None:
    need, pledge = entered(settled, NEW_NEED), entered(settled, NEW_PLEDGE, scope=COUNTY)
    keep(settled)
    pair = {"need_id": need, "pledge_id": pledge}
    assert offending(settled) == {"fitting_pair_waits": pair}
    for side, identifier in (("need", need), ("pledge", pledge)):
        run(settled, f"INSERT INTO to_clear (side, id) VALUES ('{side}', '{identifier}')")
        assert offending(settled) == {}
        run(settled, "DELETE FROM to_clear")
    run(settled, f"UPDATE pledges SET valid_until = now() - interval '1 second' WHERE id = '{pledge}'")
    assert offending(settled) == {}
    run(settled, f"UPDATE pledges SET valid_until = now() + interval '1 day' WHERE id = '{pledge}'")
    held(settled, need, pledge, 1, "lapsed")
    assert offending(settled) == {"fitting_pair_waits": pair}
    run(settled, f"UPDATE matches SET barred = true WHERE need_id = '{need}'")
    assert offending(settled) == {}


def test_a_pledge_that_bears_what_no_lesson_says_is_named(settled: RolledBack) -> None:
    pledge = one(settled, "SELECT id FROM pledges ORDER BY id LIMIT 1")
    run(settled, f"UPDATE pledges SET not_for = '{{510903}}' WHERE id = '{pledge}'")
    assert offending(settled) == {"lesson_not_borne": {"id": pledge}}


@pytest.mark.parametrize(
    "event",
    [
        "match_proposed",
        "match_accepted",
        "match_refused",
        "match_lapsed",
        "match_need_ended",
        "match_sent",
        "match_received",
        "match_closed",
        "pledge_released",
        "balance_changed",
    ],
)
def test_an_act_whose_event_was_never_told_is_named(settled: RolledBack, event: str) -> None:
    subject = one(settled, f"SELECT subject FROM outbox WHERE name = '{event}' ORDER BY random() LIMIT 1")
    run(settled, f"DELETE FROM outbox WHERE name = '{event}' AND subject = '{subject}'")
    assert offending(settled) == {"event_untold": {"id": subject, "event": event}}


def test_audit_names_unpublished_second_release(settled: RolledBack) -> None:
    pledge = one(settled, "SELECT id FROM pledges WHERE releases > 0")
    run(settled, f"UPDATE pledges SET releases = releases + 1 WHERE id = '{pledge}'")
    assert offending(settled) == {"event_untold": {"id": pledge, "event": "pledge_released"}}


def test_audit_reads_the_journal_as_far_as_it_reaches(settled: RolledBack) -> None:
    with settled.begin() as session:
        journal.maintain_partitions(session, days_kept=90)
        journal.move_from_outbox(session, outbox.lock_batch(session, 1000))
    assert one(settled, "SELECT count(*) FROM outbox") == "0"
    assert offending(settled) == {}
    run(settled, "DELETE FROM journal")
    assert list(offending(settled)) == ["event_untold"]
    run(settled, "DROP TRIGGER movements_are_only_added ON movements")
    for table, times in {
        "matches": ("proposed_at", "answered_at", "need_ended_at", "closed_at"),
        "movements": ("at",),
        "pledges": ("released_at",),
        "balance_told": ("counted_at",),
    }.items():
        run(settled, f"UPDATE {table} SET " + ", ".join(f"{time} = {time} - interval '2 days'" for time in times))
    assert offending(settled) == {}


def test_a_figure_of_the_balance_that_is_off_is_named(settled: RolledBack) -> None:
    run(settled, f"UPDATE balance SET need_units = need_units + 1 WHERE region = '{COUNTY}' AND category = 'food.rice'")
    assert offending(settled) == {"balance_differs": {"region": COUNTY, "category": "food.rice", "unit": "kg"}}


def test_every_check_has_a_description_and_a_unique_code() -> None:
    assert len({check.code for check in CHECKS}) == len(CHECKS) == 18
    assert all(check.holds for check in CHECKS)


@pytest.fixture
def shown(settled: RolledBack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., float | None]:
    """The metrics of the audit as a process with this database shows them."""
    monkeypatch.setattr(AUDIT, "database", settled)
    return REGISTRY.get_sample_value


def audited(database: RolledBack) -> None:
    with database.begin() as session:
        report_audit(session)


def test_hourly_audit_shows_in_metrics_and_logs_ids_alone(
    settled: RolledBack, shown: Callable[..., float | None], caplog: pytest.LogCaptureFixture
) -> None:
    def gauge(code: str) -> float | None:
        return shown("duijie_audit_offended", {"check": code})

    audited(settled)
    assert gauge("need_unaccounted") == 0
    assert not caplog.records
    need = entered(settled, NEW_NEED, ended="true")
    audited(settled)
    assert (gauge("need_unaccounted"), gauge("pledge_unaccounted")) == (1, 0)
    [line] = caplog.records
    assert (line.kind, line.row) == ("need_unaccounted", [need])  # type: ignore[attr-defined]


def test_process_that_audited_nothing_shows_the_last_audit(settled: RolledBack, shown: Callable[..., float | None]) -> None:
    run(
        settled,
        "UPDATE audit_report SET completed_at = clock_timestamp() - interval '5 hours',"
        " offended = '{need_unaccounted, of_another_release}'",
    )
    assert shown("duijie_audit_age_seconds") == pytest.approx(5 * 3600, abs=600)
    assert [shown("duijie_audit_offended", {"check": code}) for code in ("need_unaccounted", "of_another_release")] == [1, 1]
    audited(settled)
    assert shown("duijie_audit_age_seconds") == pytest.approx(0, abs=600)
    assert shown("duijie_audit_offended", {"check": "need_unaccounted"}) == 0


def test_audit_that_fails_halfway_grows_old(
    settled: RolledBack, shown: Callable[..., float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(settled, "UPDATE audit_report SET completed_at = clock_timestamp() - interval '5 hours'")
    monkeypatch.setattr(checks, "CHECKS", (*CHECKS, Check("broken", "no statement", "SELECT 1 / 0")))
    with pytest.raises(DBAPIError):
        audited(settled)
    assert (shown("duijie_audit_age_seconds") or 0) > 4 * 3600


def test_audit_without_database_has_no_age(unreachable: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AUDIT, "database", unreachable)
    assert isnan(REGISTRY.get_sample_value("duijie_audit_age_seconds") or 0)
    assert REGISTRY.get_sample_value("duijie_audit_offended", {"check": "need_unaccounted"}) is None
    monkeypatch.setattr(AUDIT, "database", None)
    assert REGISTRY.get_sample_value("duijie_audit_age_seconds") is None


@pytest.fixture
def unreachable() -> Iterator[Database]:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none", name="audit")
    yield database
    database.close()


@pytest.fixture
def address(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> str:
    url = database_of("matching", "matching_audit")
    monkeypatch.setenv("MATCHING_DATABASE_URL", url)
    return url


def test_audit_command_names_first_offending_row_and_exits_1(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(address, name="audit")
    command.main([])
    assert all(json.loads(line)["holds"] for line in capsys.readouterr().out.splitlines())
    needs = sorted(entered(database, NEW_NEED, ended="true") for _ in range(3))
    with pytest.raises(SystemExit) as ended:
        command.main(["--hours", "1"])
    database.close()
    assert ended.value.code == 1
    said = {line["check"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert said["need_unaccounted"]["row"] == {"id": needs[0]}
    assert [code for code, line in said.items() if not line["holds"]] == ["need_unaccounted"]
