"""State machines of a need's and a pledge's life: each act happens to the service and to a plain model, then both must be equal."""

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.problems import Problem
from chassis.testing.fixtures import Person, RolledBack, administrator_of
from contracts.event import decode, every_event
from contracts.generate import example_of
from contracts.matching import (
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchSent,
    PledgeReleased,
)
from needs import actions
from needs.life import actions as life
from needs.photos import actions as photos
from needs.reopening import actions as reopening
from needs.review import actions as review

from ..conftest import VILLAGE, household_in, offer, rice
from .needs import Match, Need, Refused, Told
from .pledges import Pledge

STATES: dict[str, type[Any]] = {
    "proposed": MatchProposed, "accepted": MatchAccepted, "refused": MatchRefused, "declined": MatchDeclined, "lapsed": MatchLapsed,
    "sent": MatchSent, "received": MatchReceived, "closed": MatchClosed,
}  # fmt: skip
PICKS, NUMBERS, VERSIONS, QUANTITIES = st.integers(0, 99), st.integers(0, 2), st.integers(1, 5), st.integers(1, 9)
ACTORS = st.sampled_from(["household", "poster", "town", "town", "stranger"])
DAYS = st.sampled_from([1, 4, 53, 56, 60])
TIMERS = {"set_missing": "set_missing_expiries", "remind": "remind_of_expiry", "expire": "expire_needs"}
"""The timers of the service by the act of the model."""
_NEED = text(
    """
    SELECT version, state, quantity, round(extract(epoch FROM expires_at - clock_timestamp()) / 86400) AS days,
        expiring_at IS NOT NULL AS is_reminded, (SELECT count(*) FROM need_listings WHERE need_listings.id = needs.id) AS listings,
        (SELECT array_agg(CAST(ROW(change.version, act) AS text) ORDER BY change.version, change.id) FROM need_history AS change
            WHERE need_id = needs.id) AS history,
        coalesce(accepted, 0) AS accepted, coalesce(proposed, 0) AS proposed, coalesce(delivered, 0) AS delivered
    FROM needs LEFT JOIN need_quantities USING (id) WHERE needs.id = :id
    """
)
_PLEDGE = text(
    """
    SELECT version, quantity, withdrawn, resting, expired, answered_version, released_version, coalesce(accepted, 0) AS accepted,
        coalesce(proposed, 0) AS proposed, (SELECT count(*) FROM pledge_listings WHERE pledge_listings.id = pledges.id) AS listings
    FROM pledges LEFT JOIN pledge_quantities USING (id) WHERE pledges.id = :id
    """
)
LISTED_UNDER = {"village": 15, "city": 9}
"""How many regions, down to the township, and categories are around an item of a group there."""


class Scene:
    """Everybody who acts in all runs."""

    def __init__(self, database: RolledBack) -> None:
        self.database = database
        self.household, self.giver = Person("household"), Person("donor")
        self.home = household_in(database, VILLAGE, self.household)
        self.people = {
            "household": self.household,
            "poster": administrator_of(database, VILLAGE),
            "town": administrator_of(database, VILLAGE[:9]),
            "stranger": administrator_of(database, "510923"),
        }


class Machine(RuleBasedStateMachine):
    """One run, undone at its end."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene, self.database = scene, scene.database
        self._case = self.database.case()
        self._case.__enter__()

    def teardown(self) -> None:
        self._case.__exit__(*sys.exc_info())

    def does(self, subject: UUID, act: Callable[[Session], object], foretold: Callable[[], Told | None]) -> None:
        """Carry out an act in the service and in the model; compare the refusals and the events."""
        refusal, expected, told = "", "", Told()
        try:
            with self.database.begin() as session:
                act(session)
        except Problem as problem:
            refusal = problem.code
        try:
            told = foretold() or []
        except Refused as refused:
            expected = str(refused)
        assert refusal == expected
        found = self.take_events()
        assert sorted((type(event).__name__, event.version) for event in found) == sorted(told)
        assert {event.subject for event in found} <= {subject}

    def take_events(self) -> list[Any]:
        """Read the events since the last look."""
        with self.database.begin() as session:
            rows = session.execute(text("DELETE FROM outbox RETURNING name, body")).all()
        return [decode(every_event()[row.name], row.body) for row in rows]

    def run_sql(self, statement: str, **given: Any) -> None:
        with self.database.begin() as session:
            session.execute(text(statement), given)

    def caller(self, by: str, session: Session) -> Caller:
        person = self.scene.people[by]
        return Caller(person.id, person.kind, session)

    def hear_match(self, subject: UUID, ids: dict[str, UUID], heard: Match, foretold: Callable[[], Told | None]) -> None:
        kind = STATES[heard.state]
        stated = {"version": heard.version, "quantity": heard.quantity, "sent": heard.sent, "received": heard.received} | ids
        event = replace(example_of(kind), **{name: value for name, value in stated.items() if name in kind.__struct_fields__})
        self.does(subject, lambda session: actions.record_matches(session, [event]), foretold)


def match_of(version: int, state: str, quantity: int, lost: int) -> Match:
    """Make the state of a match; some of it may be lost on the way."""
    sent = quantity if state in {"sent", "received", "closed"} else None
    received = max(0, quantity - lost) if state in {"received", "closed"} else None
    return Match(version, state, quantity, sent, received)


class NeedLife(Machine):
    """Needs are posted on behalf of a household, and lived through."""

    @initialize(
        quantities=st.lists(st.sampled_from([None, 1, 5, 9]), min_size=1, max_size=2),
        slips=st.booleans(),
        ready=st.sampled_from([True, True, False]),
    )
    def begin(self, quantities: list[int | None], slips: bool, ready: bool) -> None:
        """Post one need or two, and mostly publish what can be."""
        self.needs: dict[UUID, Need] = {}
        self.matches: dict[tuple[UUID, int], UUID] = {}
        for number, quantity in enumerate(quantities):
            consent = "slip_photo" if slips and number == 0 else "slip"
            wanted = rice(household_id=self.scene.home, consent=consent, quantity=quantity)
            with self.database.begin() as session:
                need = actions.post_need(session, self.caller("poster", session), wanted)
            self.needs[need.id] = Need(quantity or 0, consent == "slip_photo")
        self.run_sql("DELETE FROM outbox")
        self.compare()
        for id_, need in self.needs.items():
            if ready and need.quantity and not need.needs_photo:
                verify = partial(lambda of, session, caller: review.verify_need(session, caller, of), id_)
                self.act(id_, verify, "town", partial(need.verify, "town", None))

    @rule(pick=PICKS, by=ACTORS, quantity=st.sampled_from([None, None, 5, 7]))
    def verify(self, pick: int, by: str, quantity: int | None) -> None:
        id_, need = self.picked(pick, "posted")
        self.act(
            id_, lambda session, caller: review.verify_need(session, caller, id_, None, quantity), by, lambda: need.verify(by, quantity)
        )

    @rule(pick=PICKS, by=ACTORS)
    def reject(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick)
        self.act(id_, lambda session, caller: review.reject_need(session, caller, id_, "absurd"), by, lambda: need.reject(by))

    @rule(pick=PICKS, by=ACTORS)
    def withdraw(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick)
        self.act(id_, lambda session, caller: actions.withdraw_need(session, caller, id_), by, lambda: need.withdraw(by))

    @rule(pick=PICKS, by=ACTORS)
    def close(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick)
        self.act(id_, lambda session, caller: actions.close_need(session, caller, id_, "other"), by, lambda: need.close(by))

    @rule(pick=PICKS, by=ACTORS)
    def renew(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick, "published")
        self.act(id_, lambda session, caller: reopening.renew_need(session, caller, id_), by, lambda: need.renew(by))

    @rule(pick=PICKS, by=ACTORS, width=st.integers(1, 40))
    def add_slip(self, pick: int, by: str, width: int) -> None:
        id_, need = self.picked(pick, "posted")
        file = io.BytesIO()
        Image.new("RGB", (width, 1 + len(need.history))).save(file, "PNG")
        data = file.getvalue() + new_id().bytes
        self.act(
            id_,
            lambda session, caller: photos.add_photo(session, caller, id_, "consent", data, "image/png"),
            by,
            lambda: need.add_slip(by),
        )

    @rule(days=DAYS, timers=st.lists(st.sampled_from(sorted(TIMERS)), max_size=3))
    def pass_days(self, days: int, timers: list[str]) -> None:
        """Let days pass, then run some timers in some order."""
        self.run_sql("UPDATE needs SET expires_at = expires_at - make_interval(days => :days)", days=days)
        for need in self.needs.values():
            need.pass_days(days)
        self.compare()
        for name in timers:
            self.run_timer(name)

    def run_timer(self, name: str) -> None:
        told = {id_: getattr(need, name)() for id_, need in self.needs.items()}
        with self.database.begin() as session:
            getattr(life, TIMERS[name])(session)
        found = self.take_events()
        expected = sorted((id_, event, version) for id_, events in told.items() for event, version in events)
        assert sorted((event.subject, type(event).__name__, event.version) for event in found) == expected
        self.compare()

    @rule(pick=PICKS)
    def forget_expiry(self, pick: int) -> None:
        id_, need = self.picked(pick, "published")
        self.run_sql("UPDATE needs SET expires_at = NULL WHERE id = :id AND state = 'published' AND expiring_at IS NULL", id=id_)
        need.forget_expiry()
        self.compare()

    @rule(
        pick=PICKS,
        number=NUMBERS,
        version=VERSIONS,
        state=st.sampled_from([*STATES, "received", "received"]),
        quantity=QUANTITIES,
        lost=st.integers(0, 2),
    )
    def hear(self, pick: int, number: int, version: int, state: str, quantity: int, lost: int) -> None:
        id_, need = self.picked(pick, "published")
        match_id = self.matches.setdefault((id_, number), new_id())
        heard = match_of(version, state, quantity, lost)
        self.hear_match(id_, {"need_id": id_, "match_id": match_id}, heard, lambda: need.hear(number, heard))
        self.compare()

    def act(self, id_: UUID, act: Callable[[Session, Caller], object], by: str, foretold: Callable[[], Told]) -> None:
        self.does(id_, lambda session: act(session, self.caller(by, session)), foretold)
        self.compare()

    def picked(self, pick: int, state: str = "") -> tuple[UUID, Need]:
        """Pick one of the needs, mostly one in the state."""
        fitting = [one for one in self.needs.items() if one[1].state == state]
        things = fitting if fitting and pick % 4 else list(self.needs.items())
        return things[pick % len(things)]

    def compare(self) -> None:
        for id_, need in self.needs.items():
            [row] = self.database.found(_NEED, id=id_)
            assert (row.version, row.state, row.quantity, row.is_reminded) == (
                need.version,
                need.state,
                need.quantity,
                need.is_reminded,
            )
            assert row.days == need.days
            assert row.listings == (LISTED_UNDER["village"] if need.state == "published" else 0)
            assert row.history == [f"({version},{act})" for version, act in need.history]
            assert (row.accepted, row.proposed, row.delivered) == (need.accepted, need.proposed, need.delivered)


class PledgeLife(Machine):
    """A pledge is offered, changed, answered, matched and used up."""

    @initialize(quantity=QUANTITIES)
    def begin(self, quantity: int) -> None:
        self.pledge = Pledge(quantity)
        self.matches: dict[int, UUID] = {}
        self.offers = 0
        with self.database.begin() as session:
            wanted = offer(quantity=quantity) | {"valid_until": self.next_end(), "best_before": datetime.now(UTC) + timedelta(days=700)}
            self.id = actions.offer_pledge(session, Caller(self.scene.giver.id, "donor", session), wanted).id
        self.run_sql("DELETE FROM outbox")
        self.compare()

    @rule(quantity=QUANTITIES, by_owner=st.sampled_from([True, True, True, False]))
    def change(self, quantity: int, by_owner: bool) -> None:
        self.act(
            lambda session, caller: actions.change_pledge(session, caller, self.id, {"quantity": quantity}),
            by_owner,
            lambda: self.pledge.change(quantity, by_owner=by_owner),
        )

    @rule(by_owner=st.sampled_from([True, True, True, False]))
    def extend(self, by_owner: bool) -> None:
        wanted = {"valid_until": self.next_end()}
        self.act(
            lambda session, caller: actions.change_pledge(session, caller, self.id, wanted),
            by_owner,
            lambda: self.pledge.extend(by_owner=by_owner),
        )

    @rule(by_owner=st.booleans(), pick=PICKS)
    def withdraw(self, by_owner: bool, pick: int) -> None:
        if pick % 3 == 0:
            self.act(
                lambda session, caller: actions.withdraw_pledge(session, caller, self.id),
                by_owner,
                lambda: self.pledge.withdraw(by_owner=by_owner),
            )

    @rule()
    def run_out(self) -> None:
        self.run_sql("UPDATE pledges SET valid_until = now() - interval '1 second' WHERE id = :id", id=self.id)
        self.pledge.run_out()
        self.compare()

    @rule()
    def expire(self) -> None:
        self.does(self.id, actions.expire_pledges, self.pledge.expire)
        self.compare()

    @rule(version=VERSIONS, behind=st.sampled_from([0, 0, 1]), quantity=QUANTITIES, is_resting=st.sampled_from([False, False, True]))
    def release(self, version: int, behind: int, quantity: int, is_resting: bool) -> None:
        answers = max(1, self.pledge.version - behind)
        stated = {"pledge_id": self.id, "version": version, "answers": answers, "quantity": quantity, "resting": is_resting}
        event = replace(example_of(PledgeReleased), **stated)
        self.does(
            self.id,
            lambda session: actions.record_releases(session, [event]),
            lambda: self.pledge.release(version, answers, quantity, is_resting=is_resting),
        )
        self.compare()

    @rule(number=NUMBERS, version=VERSIONS, state=st.sampled_from(sorted(STATES)), quantity=QUANTITIES)
    def hear(self, number: int, version: int, state: str, quantity: int) -> None:
        heard = match_of(version, state, quantity, 0)
        ids = {"pledge_id": self.id, "match_id": self.matches.setdefault(number, new_id())}
        self.hear_match(self.id, ids, heard, lambda: self.pledge.hear(number, heard))
        self.compare()

    def act(self, act: Callable[[Session, Caller], object], by_owner: bool, foretold: Callable[[], Told]) -> None:
        giver = self.scene.giver.id if by_owner else new_id()
        self.does(self.id, lambda session: act(session, Caller(giver, "donor", session)), foretold)
        self.compare()

    def next_end(self) -> datetime:
        """Return another end of validity each time."""
        self.offers += 1
        return datetime.now(UTC) + timedelta(days=30 + self.offers)

    def compare(self) -> None:
        [row] = self.database.found(_PLEDGE, id=self.id)
        pledge = self.pledge
        stated = (row.version, row.quantity, row.withdrawn, row.resting, row.expired, row.answered_version, row.released_version)
        assert stated == (
            pledge.version,
            pledge.quantity,
            pledge.is_withdrawn,
            pledge.is_resting,
            pledge.is_expired,
            pledge.answered,
            pledge.released,
        )
        assert (row.accepted, row.proposed) == (pledge.accepted, pledge.proposed)
        assert row.listings == (LISTED_UNDER["city"] if pledge.is_listed else 0), "the list shows what is offered and not used up"
