"""Streams: who hears what, from which place on, and for how long; over a real process and a real database."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data import appointments, ended_sessions
from chassis.data.database import new_id, now
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, administrator_of, auditor_of
from chassis.testing.folders import kept_ports
from chassis.testing.streams import Hearer
from chassis.testing.twins import unguarded
from contracts.matching import BalanceChanged, MatchAccepted
from contracts.needs import NeedFiguresChanged
from contracts.users import AdministratorDismissed, SessionEnded, SignInEnded
from notify import actions
from notify.api import api
from notify.live import actions as live
from notify.live import rules
from notify.live.source import Changes
from notify.worker import Worker

from .conftest import example, proposal
from .streaming import PATH, Stage, ids, stage_of

VILLAGE = "510903100208"
METRICS: dict[str, int] = {}
"""The port of the metrics of a process, by its address."""


@pytest.fixture(scope="module")
def shared(database_of: Callable[[str, str], str], keys: KnownKeys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("streams")
    with stage_of(database_of, keys, folder) as stage:
        port, metrics = kept_ports(folder / "ports", 2)
        METRICS[stage.start(port, METRICS_PORT=str(metrics))] = metrics
        yield stage


@pytest.fixture
def address(shared: Stage) -> str:
    return next(iter(shared.processes))


def tell(stage: Stage, *events: Any) -> None:
    with stage.database.begin() as session:
        actions.write_notices(session, events)
        live.record_matches(session, events)


def tell_each(stage: Stage, person: Person, times: int) -> list[UUID]:
    """Tell somebody of new proposals, each in a transaction of its own; return their matches."""
    events = [proposal(pledger_id=person.id, poster_id=new_id()) for _ in range(times)]
    for event in events:
        tell(stage, event)
    return [event.match_id for event in events]


def test_notice_is_heard_as_it_is_shown(shared: Stage, address: str) -> None:
    donor = Person("donor")
    with shared.hear(address, donor).ready() as hearer:
        [match_id] = tell_each(shared, donor, 1)
        assert hearer.wait(lambda one: len(one.events) == 3)
        [notice] = hearer.named("notice")
        assert notice["about"] == str(match_id)
        asked = httpx.get(f"{address}/v1/notices/{notice['id']}", headers=shared.token(donor), trust_env=False).json()
        assert notice == asked
        [match] = hearer.named("match")
        assert (match["id"], match["state"]) == (str(match_id), "proposed")


def test_nobody_hears_of_somebody_else(shared: Stage, address: str) -> None:
    donor, other = Person("donor"), Person("donor")
    with shared.hear(address, other).ready() as hearer:
        tell_each(shared, donor, 2)
        tell_each(shared, other, 1)
        assert hearer.wait(lambda one: one.named("notice"))
        time.sleep(0.1)
        assert len(hearer.named("notice")) == len(hearer.named("match")) == 1


def test_who_comes_back_hears_what_was_missed_once(shared: Stage, address: str) -> None:
    donor = Person("donor")
    with shared.hear(address, donor).ready() as first:
        heard = tell_each(shared, donor, 2)
        assert first.wait(lambda one: len(one.named("match")) == 2)
    missed = tell_each(shared, donor, 3)
    with shared.hear(address, donor, last_event_id=first.last_event_id).ready() as second:
        assert ids(second.named("match")) == missed
        later = tell_each(shared, donor, 1)
        assert second.wait(lambda one: len(one.named("match")) == 4)
        assert ids(second.named("match")) == missed + later
    assert ids(first.named("match")) == heard


def test_stream_that_breaks_within_a_batch_goes_on_within_it(shared: Stage, address: str) -> None:
    donor = Person("donor")
    with shared.hear(address, donor).ready() as first:
        # One transaction: all of it becomes visible at once.
        tell(shared, *(proposal(pledger_id=donor.id, poster_id=new_id()) for _ in range(5)))
        assert first.wait(lambda one: len(one.events) == 11)
    for position in range(1, 11):
        with shared.hear(address, donor, last_event_id=first.events[position].id).ready() as again:
            rest = [(event.name, event.data) for event in again.events if event.name != "ready"]
            assert rest == [(event.name, event.data) for event in first.events[position + 1 :]]


def test_commits_in_another_order_are_heard_once_each(shared: Stage, address: str) -> None:
    """A transaction that began first and commits last is neither lost nor repeated, whenever the client comes back."""
    donor = Person("donor")
    early, late = (proposal(pledger_id=donor.id, poster_id=new_id()) for _ in range(2))
    begun, may_end = threading.Event(), threading.Event()

    def hesitate() -> None:
        with shared.database.begin() as session:
            live.record_matches(session, [early])
            begun.set()
            may_end.wait(10)

    with shared.hear(address, donor).ready() as first:
        thread = threading.Thread(target=hesitate)
        thread.start()
        begun.wait(10)
        with shared.database.begin() as session:
            live.record_matches(session, [late])
        assert first.wait(lambda one: ids(one.named("match")) == [late.match_id])
    may_end.set()
    thread.join()
    with shared.hear(address, donor, last_event_id=first.last_event_id).ready() as second:
        assert ids(second.named("match")) == [early.match_id]


def ticket_of(stage: Stage, address: str, person: Person) -> str:
    made = httpx.post(f"{address}/v1/notices/stream-tickets", json={}, headers=stage.token(person), trust_env=False)
    assert made.status_code == 201
    ticket: str = made.json()["ticket"]
    return ticket


def asked_with(address: str, ticket: str, wait: str = "0") -> int:
    return httpx.get(address + PATH, params={"ticket": ticket, "wait": wait}, trust_env=False).status_code


def test_ticket_opens_one_stream_for_its_owner(shared: Stage, address: str) -> None:
    donor = Person("donor")
    ticket = ticket_of(shared, address, donor)
    with Hearer([address], f"{PATH}?ticket={ticket}", dict).ready() as hearer:
        tell_each(shared, donor, 1)
        assert hearer.wait(lambda one: one.named("notice"))
    assert asked_with(address, ticket) == 401
    assert asked_with(address, "a" * 43) == 401


def test_late_ticket_opens_nothing(shared: Stage, address: str) -> None:
    ticket = ticket_of(shared, address, Person("donor"))
    with shared.database.begin() as session:
        session.execute(text("UPDATE tickets SET expires_at = now()"))
    assert asked_with(address, ticket) == 401


def test_two_who_use_a_ticket_at_once_get_one_stream(shared: Stage, address: str) -> None:
    ticket = ticket_of(shared, address, Person("donor"))
    with ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(lambda _: asked_with(address, ticket), range(8))]
    assert sorted(answers) == [200] + [401] * 7


def people_of(stage: Stage) -> list[Person]:
    """Return a member of staff and a giver: the end of their sessions is told by two events."""
    return [administrator_of(stage.database, VILLAGE), Person("donor")]


def test_ticket_of_an_ended_session_opens_nothing(shared: Stage, address: str) -> None:
    for person in people_of(shared):
        ticket = ticket_of(shared, address, person)
        end_session(shared, person)
        assert asked_with(address, ticket) == 401
        assert httpx.get(f"{address}{PATH}", headers=shared.token(person), trust_env=False).status_code == 401


def test_end_of_a_giver_s_session_is_recorded_for_streams(shared: Stage) -> None:
    event = example(SignInEnded, session_id=new_id())
    with shared.database.begin() as session:
        for _ in range(2):
            Worker().on_sign_in_ended(session, [event])
        assert ended_sessions.find_ended(session, {event.session_id, new_id()}) == {event.session_id}


def end_session(stage: Stage, person: Person) -> None:
    event = SessionEnded if person.kind == "staff" else SignInEnded
    ended = event(version=1, session_id=person.session_id, user_id=person.id, ended_at=now())
    with stage.database.begin() as session:
        ended_sessions.record(session, [ended])


def test_stream_ends_with_its_token(shared: Stage, address: str) -> None:
    with shared.hear(address, Person("donor"), minutes=2 / 60).ready() as hearer:
        assert hearer.wait(lambda one: one.is_over.is_set(), 5)
        assert hearer.named("end") == [{"reason": "token"}]


def test_stream_ends_soon_after_its_session(shared: Stage, address: str) -> None:
    for person in people_of(shared):
        with shared.hear(address, person).ready() as hearer, shared.hear(address, Person("donor")).ready() as other:
            end_session(shared, person)
            assert hearer.wait(lambda one: one.is_over.is_set(), 5)
            assert hearer.named("end") == [{"reason": "session"}]
            assert not other.is_over.is_set()


def posted_by(staff: Person) -> MatchAccepted:
    return example(MatchAccepted, match_id=new_id(), poster_id=staff.id, account_id=None, pledger_id=new_id(), region=VILLAGE)


def test_dismissed_poster_hears_no_more_of_the_village(shared: Stage, address: str) -> None:
    staff = administrator_of(shared.database, VILLAGE)
    with shared.hear(address, staff).ready() as hearer:
        with shared.database.begin() as session:
            live.record_matches(session, [posted_by(staff)])
        assert hearer.wait(lambda one: one.named("match"))
        with shared.database.begin() as session:
            [appointment] = session.execute(text("SELECT id FROM appointments WHERE user_id = :id"), {"id": staff.id}).scalars()
            stated = {"version": 2, "appointment_id": appointment, "user_id": staff.id, "region": VILLAGE}
            appointments.record(session, [AdministratorDismissed(**stated, dismissed_by=None, dismissed_at=now())])
        time.sleep(3)
        with shared.database.begin() as session:
            live.record_matches(session, [posted_by(staff)])
        tell(shared, proposal(pledger_id=staff.id, poster_id=new_id()))
        assert hearer.wait(lambda one: len(one.named("match")) == 2)
        assert hearer.named("match")[1]["state"] == "proposed", "their own, not the village's"


def balance(region: str, **changes: Any) -> BalanceChanged:
    return example(BalanceChanged, **{"region": region, "balance_id": new_id()} | changes)


def test_balance_is_heard_by_those_who_ask(shared: Stage, address: str) -> None:
    event = balance("510903")
    with (
        shared.hear(address, Person("donor"), "?regions=510903,5109").ready() as near,
        shared.hear(address, Person("donor")).ready() as far,
    ):
        with shared.database.begin() as session:
            live.record_balances(session, [event, balance("510902")])
        assert near.wait(lambda one: one.named("balance"))
        [heard] = near.named("balance")
        assert (heard["region"], heard["waiting_needs"]) == ("510903", event.waiting_needs)
        assert far.named("balance") == []


def wait_for(address: str, headers: dict[str, str], **query: Any) -> Any:
    answer = httpx.get(address + PATH, params=query, headers=headers, trust_env=False, timeout=40)
    assert answer.status_code == 200
    return answer.json()


def test_long_poll_answers_with_what_is_new(shared: Stage, address: str) -> None:
    donor = Person("donor")
    headers = shared.token(donor)
    begun = wait_for(address, headers, wait=1)
    assert begun["items"] == []
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(wait_for(address, headers, wait=20, last_event_id=begun["last_event_id"])))
    thread.start()
    time.sleep(0.3)
    [match_id] = tell_each(shared, donor, 1)
    thread.join(10)
    [answer] = answers
    assert {item["event"] for item in answer["items"]} == {"notice", "match"}
    assert str(match_id) in {item["data"].get("about") for item in answer["items"]}
    again = wait_for(address, headers, wait=0, last_event_id=answer["last_event_id"])
    assert again["items"] == []


def test_poll_without_waiting_answers_with_what_was_missed(shared: Stage, address: str) -> None:
    donor = Person("donor")
    headers = shared.token(donor)
    begun = wait_for(address, headers, wait=0)
    [match_id] = tell_each(shared, donor, 1)
    answer = wait_for(address, headers, wait=0, last_event_id=begun["last_event_id"])
    assert ids([item["data"] for item in answer["items"] if item["event"] == "match"]) == [match_id]


def test_poll_whose_session_ends_answers_with_its_place(shared: Stage, address: str) -> None:
    staff = administrator_of(shared.database, VILLAGE)
    headers = shared.token(staff)
    begun = wait_for(address, headers, wait=0)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(wait_for, address, headers, wait=20, last_event_id=begun["last_event_id"])
        time.sleep(0.3)
        end_session(shared, staff)
        assert answer.result(10)["items"] == []
        assert answer.result()["last_event_id"]


def test_poll_while_nothing_can_be_read_keeps_its_place(shared: Stage, address: str) -> None:
    donor = Person("donor")
    headers = shared.token(donor)
    begun = wait_for(address, headers, wait=0)["last_event_id"]
    with shared.database.begin() as session:
        session.execute(text("LOCK live_changes IN ACCESS EXCLUSIVE MODE"))
        assert wait_for(address, headers, wait=1, last_event_id=begun) == {"items": [], "last_event_id": begun}
    [match_id] = tell_each(shared, donor, 1)
    answer = wait_for(address, headers, wait=5, last_event_id=begun)
    assert str(match_id) in {item["data"].get("about") for item in answer["items"]}


def test_person_has_a_limited_number_of_streams(shared: Stage, address: str) -> None:
    donor = Person("donor")
    open_streams = [shared.hear(address, donor).ready() for _ in range(5)]
    with shared.hear(address, donor) as sixth:
        assert sixth.wait(lambda one: one.is_over.is_set())
        assert (sixth.status, sixth.problem["code"]) == (429, "too_many")
    for hearer in open_streams:
        hearer.hang_up()
    with shared.hear(address, donor) as later:
        assert later.wait(lambda one: one.named("ready"), 5)


@pytest.mark.parametrize("place", ["1:2:x", "9999999999:9999999999:", "5:6:/7:8:/9", "x" * 3000, "0:0:"])
def test_place_that_never_was_is_refused_or_begins_anew(shared: Stage, address: str, place: str) -> None:
    with shared.hear(address, Person("donor"), last_event_id=place) as hearer:
        assert hearer.wait(lambda one: one.named("reset") or one.status == 422 or one.named("ready"))
        assert hearer.status == 422 or hearer.wait(lambda one: one.named("ready"))
        if place.startswith("9"):
            assert hearer.named("reset") == [{}]


def test_who_comes_back_after_a_day_begins_anew(shared: Stage, address: str) -> None:
    donor = Person("donor")
    with shared.hear(address, donor).ready() as first:
        pass
    tell_each(shared, donor, 1)
    with shared.database.begin() as session:
        session.execute(text("UPDATE live_changes SET changed_at = now() - interval '25 hours'"))
        live.delete_old(session)
    with shared.hear(address, donor, last_event_id=first.last_event_id).ready() as second:
        assert [event.name for event in second.events] == ["reset", "ready"]


def test_marking_as_read_is_heard_on_other_devices(shared: Stage, address: str) -> None:
    donor = Person("donor")
    tell_each(shared, donor, 1)
    with shared.hear(address, donor).ready() as hearer:
        done = httpx.post(f"{address}/v1/notices/reading", json={}, headers=shared.token(donor), trust_env=False)
        assert done.json() == {"read": 1, "unread": 0}
        assert hearer.wait(lambda one: one.named("reading"))


def test_reader_who_leaves_much_unread_is_cut_and_comes_back(shared: Stage, address: str) -> None:
    donor = Person("donor")
    with shared.hear(address, donor).ready() as watcher, socket.create_connection(address_of(address)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        asked = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {shared.token(donor)['Authorization']}\r\n\r\n"
        slow.sendall(asked.encode())
        told: list[UUID] = []
        while not cut(address) and len(told) < 2000:
            events = [proposal(pledger_id=donor.id, poster_id=new_id()) for _ in range(20)]
            tell(shared, *events)
            told += [event.match_id for event in events]
        assert cut(address) == 1
        assert watcher.wait(lambda one: len(one.named("match")) == len(told))


def address_of(address: str) -> tuple[str, int]:
    return "127.0.0.1", int(address.rpartition(":")[2])


def cut(address: str) -> float:
    """Return how many streams the process cut because their readers were slow."""
    said = httpx.get(f"http://127.0.0.1:{METRICS[address]}/metrics", trust_env=False).text
    [found] = re.findall(r'duijie_streams_closed_total\{reason="slow",service="notify"\} (\S+)', said)
    return float(found)


def figures(need_id: UUID, version: int = 1, **changes: Any) -> NeedFiguresChanged:
    return example(NeedFiguresChanged, need_id=need_id, version=version, region=VILLAGE, **({"is_public": True} | changes))


def tell_figures(stage: Stage, *events: NeedFiguresChanged) -> None:
    with stage.database.begin() as session:
        live.record_needs(session, events)


def heard_figures(stage: Stage, address: str, person: Person, need_id: UUID, *events: NeedFiguresChanged) -> list[Any]:
    """Return the versions of the figures that somebody hears live, then those that they hear when they come back from before."""
    query = f"?needs={need_id}"
    with stage.hear(address, person, query).ready() as hearer:
        begun = hearer.last_event_id
        for number, event in enumerate(events, 1):
            tell_figures(stage, event)
            # What is told later is heard later, so that the hearer had its time.
            tell(stage, proposal(pledger_id=person.id, poster_id=new_id()))
            assert hearer.wait(lambda one, number=number: len(one.named("match")) == number)
        live_ones = [one["accepted"] for one in hearer.named("need")]
    with stage.hear(address, person, query, last_event_id=begun).ready() as again:
        return [live_ones, [one["accepted"] for one in again.named("need")]]


def test_figures_of_a_public_need_are_heard_by_those_who_ask(shared: Stage, address: str) -> None:
    need_id = new_id()
    events = [figures(need_id, version, accepted=version, delivered=0) for version in (1, 2)]
    assert heard_figures(shared, address, Person("donor"), need_id, *events) == [[1, 2], [2]]


def test_need_that_is_hidden_takes_its_figures_with_it(shared: Stage, address: str) -> None:
    """Neither later figures are heard, nor those of before by whoever comes back: a GET would find nothing."""
    need_id = new_id()
    events = [figures(need_id, 1, accepted=1), figures(need_id, 2, accepted=2, is_public=False, state="withdrawn")]
    assert heard_figures(shared, address, Person("donor"), need_id, *events) == [[1], []]


def test_figures_of_a_private_need_are_for_those_who_may_see_it(shared: Stage, address: str) -> None:
    owner = Person("household")
    need_id = new_id()
    private = figures(need_id, account_id=owner.id, accepted=3, is_public=False)
    manager, auditor = administrator_of(shared.database, VILLAGE[:6]), auditor_of(shared.database, VILLAGE[:4])
    elsewhere = administrator_of(shared.database, "510902")
    for person, is_heard in ((owner, 1), (manager, 1), (auditor, 1), (elsewhere, 0), (Person("donor"), 0)):
        tell_figures(shared, private)
        live_ones, again = heard_figures(shared, address, person, need_id, replace(private, version=private.version + 1))
        assert ([3] * is_heard, [3] * is_heard) == (live_ones, again), person.kind
        private = replace(private, version=private.version + 1)


@pytest.mark.parametrize("rule", [rules.may_hear, unguarded(lambda change, subscription: True, "what a GET hides would be heard")])
@pytest.mark.parametrize("state", ["published", "withdrawn"])
def test_what_a_get_hides_is_not_heard(
    shared: Stage, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, rule: Callable[[Any, Any], bool], state: str
) -> None:
    monkeypatch.setattr(Changes, "may_hear", staticmethod(rule))
    donor, need_id = Person("donor"), new_id()
    client = Client(create_app("notify", api, database=shared.database, keys=keys).test_client(), keys)
    begun = client.get(PATH, by=donor, wait=0).json["last_event_id"]
    tell_figures(shared, figures(need_id, state=state, is_public=False))
    assert client.get(PATH, by=donor, wait=0, needs=str(need_id), last_event_id=begun).json["items"] == []
