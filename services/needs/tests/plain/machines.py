"""State machines of a need's and a pledge's life: each act happens to the service and to a plain model, then both must be equal."""

import io
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
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
    ClaimFailed,
    MatchAccepted,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchSent,
    PledgeReleased,
)
from needs import actions
from needs.choosing import actions as choosing
from needs.drafts import actions as drafts
from needs.life import actions as life
from needs.photos import actions as photos
from needs.reopening import actions as reopening
from needs.review import actions as review

from ..conftest import VILLAGE, household_in, offer, rice
from .needs import Match, Need, Refused, Told
from .pledges import Pledge

STATES: dict[str, type[Any]] = {
    "proposed": MatchProposed, "accepted": MatchAccepted, "refused": MatchRefused, "declined": MatchDeclined, "lapsed": MatchLapsed,
    "sent": MatchSent, "received": MatchReceived, "corrected": MatchCorrected, "closed": MatchClosed,
}  # fmt: skip
PICKS, NUMBERS, VERSIONS, QUANTITIES = st.integers(0, 99), st.integers(0, 2), st.integers(1, 5), st.integers(1, 9)
ACTORS = st.sampled_from(["household", "poster", "town", "town", "county", "city", "stranger"])
DAYS = st.sampled_from([1, 4, 29, 53, 56, 60])
THRESHOLDS = st.sampled_from([5 * 800, 10**9, 10**9])
"""Values in fen above which the county decides: that of five units, and more than any need has."""
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
    SELECT version, quantity, withdrawn, resting, expired, answered_version, released_version, claim_state,
        coalesce(accepted, 0) AS accepted, coalesce(proposed, 0) AS proposed,
        (SELECT count(*) FROM pledge_listings WHERE pledge_listings.id = pledges.id) AS listings
    FROM pledges LEFT JOIN pledge_quantities USING (id) WHERE pledges.id = :id
    """
)
LISTED_UNDER = {"village": 15, "city": 9}
"""How many regions, down to the township, and categories are around an item of a group there."""


class Scene:
    """Everybody who acts in all runs."""

    def __init__(self, database: RolledBack) -> None:
        self.database = database
        self.household, self.giver = Person("household"), Person("merchant")
        self.home = household_in(database, VILLAGE, self.household)
        self.people = {
            "household": self.household,
            "poster": administrator_of(database, VILLAGE),
            "town": administrator_of(database, VILLAGE[:9]),
            "county": administrator_of(database, VILLAGE[:6]),
            "city": administrator_of(database, VILLAGE[:4]),
            "stranger": administrator_of(database, "510923"),
        }
        self.chosen = self._publish_need()

    def _publish_need(self) -> UUID:
        """Publish a need of another household, which givers choose."""
        other = household_in(self.database, VILLAGE)
        with self.database.begin() as session:
            poster, town = (Caller(self.people[by].id, "staff", session) for by in ("poster", "town"))
            need = actions.post_need(session, poster, rice(household_id=other, consent="slip", quantity=9))
            review.verify_need(session, town, need.id)
            return need.id


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

    def hear_match(self, subject: UUID, ids: dict[str, Any], heard: Match, foretold: Callable[[], Told | None]) -> None:
        kind = STATES[heard.state]
        stated = {"version": heard.version, "quantity": heard.quantity, "sent": heard.sent, "received": heard.received} | ids
        event = replace(example_of(kind), **{name: value for name, value in stated.items() if name in kind.__struct_fields__})
        self.does(subject, lambda session: actions.record_matches(session, [event]), foretold)


def match_of(version: int, state: str, quantity: int, lost: int) -> Match:
    """Make the state of a match; some of it may be lost on the way."""
    sent = quantity if state in {"sent", "received", "corrected", "closed"} else None
    received = max(0, quantity - lost) if state in {"received", "corrected", "closed"} else None
    return Match(version, state, quantity, sent, received)


def read_draft(content: Mapping[str, Any]) -> dict[str, Any]:
    """Read the content of a draft as the API does."""
    household_id = content.get("household_id")
    return {**content, **({"household_id": UUID(household_id)} if household_id else {})}


class NeedLife(Machine):
    """Needs are posted on behalf of a household, and lived through."""

    @initialize(
        quantities=st.lists(st.sampled_from([None, 1, 5, 9]), min_size=1, max_size=2),
        slips=st.booleans(),
        ready=st.sampled_from([True, True, False]),
        threshold=THRESHOLDS,
    )
    def begin(self, quantities: list[int | None], slips: bool, ready: bool, threshold: int) -> None:
        """Post one need or two, and mostly publish what can be."""
        self.needs: dict[UUID, Need] = {}
        self.matches: dict[tuple[UUID, int], UUID] = {}
        self.acts = self.settings = 0
        self.threshold = threshold
        self.set_threshold(threshold)
        for number, quantity in enumerate(quantities):
            consent = "slip_photo" if slips and number == 0 else "slip"
            wanted = rice(household_id=self.scene.home, consent=consent, quantity=quantity)
            with self.database.begin() as session:
                need = actions.post_need(session, self.caller("poster", session), wanted)
            self.needs[need.id] = Need(quantity or 0, consent == "slip_photo", threshold=threshold)
        self.run_sql("DELETE FROM outbox")
        self.compare()
        for id_, need in self.needs.items():
            if ready and need.quantity and not need.needs_photo:
                verify = partial(lambda of, session, caller: review.verify_need(session, caller, of), id_)
                self.act(id_, verify, "town", partial(need.verify, "town", None))

    @rule(threshold=THRESHOLDS)
    def set_threshold(self, threshold: int) -> None:
        """Let the county decide about other values from now on."""
        self.settings += 1
        self.run_sql(
            "INSERT INTO review_settings (region, version, county_above, sample_per_mille, set_by, set_at)"
            " VALUES (:region, :version, :threshold, 0, :by, now())",
            region=VILLAGE[:6], version=self.settings, threshold=threshold, by=new_id(),
        )  # fmt: skip
        self.threshold = threshold
        for need in self.needs.values():
            need.threshold = threshold

    @precondition(lambda self: len(self.needs) < 4)
    @rule(quantity=st.sampled_from([None, 1, 5, 9]), twice=st.booleans())
    def post_draft(self, quantity: int | None, twice: bool) -> None:
        """Begin a draft, complete it, and post it, perhaps twice."""
        with self.database.begin() as session:
            caller = self.caller("poster", session)
            draft = drafts.make_draft(session, caller, {"category": "food.rice", "household_id": str(self.scene.home)})
            drafts.change_draft(session, caller, draft.id, rice(quantity=quantity, household_id=str(self.scene.home), consent="slip"))
            need_id = drafts.post_draft(session, caller, draft.id, read_draft).id
        self.acts += 1
        self.needs[need_id] = Need(quantity or 0, needs_photo=False, posted_at=self.acts, threshold=self.threshold)
        assert [(type(event).__name__, event.subject, event.version) for event in self.take_events()] == [("NeedPosted", need_id, 1)]
        if twice:

            def refuse() -> Told:
                raise Refused("state_conflict")

            self.does(need_id, lambda session: drafts.post_draft(session, self.caller("poster", session), draft.id, read_draft), refuse)
        self.compare()

    @rule(pick=PICKS, by=ACTORS)
    def give_back(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick, "posted")
        self.act(id_, lambda session, caller: review.return_need(session, caller, id_, "unclear"), by, lambda: need.give_back(by))

    @rule(pick=PICKS, by=ACTORS, quantity=st.sampled_from([1, 5, 9]))
    def amend(self, pick: int, by: str, quantity: int) -> None:
        id_, need = self.picked(pick, "returned")
        self.act(
            id_,
            lambda session, caller: review.amend_need(session, caller, id_, {"quantity": quantity}),
            by,
            lambda: need.amend(by, quantity),
        )

    @rule(pick=PICKS, by=ACTORS)
    def verify_at_the_county(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick, "confirmed")
        self.act(id_, lambda session, caller: review.verify_need(session, caller, id_), by, lambda: need.verify(by, None))

    @rule(pick=PICKS, by=ACTORS)
    def renew_late(self, pick: int, by: str) -> None:
        id_, need = self.picked(pick, "expired")
        others = list(self.needs.values())
        self.act(id_, lambda session, caller: reopening.renew_need(session, caller, id_), by, lambda: need.renew(by, others))

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
        others = list(self.needs.values())
        self.act(id_, lambda session, caller: reopening.renew_need(session, caller, id_), by, lambda: need.renew(by, others))

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
        moments = ("posted_at", "expires_at", "ended_at")
        earlier = ", ".join(f"{name} = {name} - make_interval(days => :days)" for name in moments)
        self.run_sql(f"UPDATE needs SET {earlier} WHERE household_id = :home", days=days, home=self.scene.home)
        for need in self.needs.values():
            need.pass_days(days)
        self.compare()
        for name in timers:
            self.run_timer(name)

    def run_timer(self, name: str) -> None:
        self.acts += 1
        before = {id_: need.state for id_, need in self.needs.items()}
        told = {id_: getattr(need, name)() for id_, need in self.needs.items()}
        with self.database.begin() as session:
            getattr(life, TIMERS[name])(session)
        found = self.take_events()
        for id_, need in self.needs.items():
            if need.state != before[id_]:
                need.ended_at, need.over = self.acts, 0
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
        state=st.sampled_from([*STATES, "received", "received", "corrected"]),
        quantity=QUANTITIES,
        lost=st.integers(0, 2),
    )
    def hear(self, pick: int, number: int, version: int, state: str, quantity: int, lost: int) -> None:
        id_, need = self.picked(pick, "met" if state == "corrected" else "published")
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

    @initialize(quantity=QUANTITIES, chooses=st.booleans())
    def begin(self, quantity: int, chooses: bool) -> None:
        """Offer it, for everybody or for a chosen need."""
        self.pledge = Pledge(quantity, claim="waiting" if chooses else None)
        self.matches: dict[int, UUID] = {}
        self.offers = 0
        with self.database.begin() as session:
            best_before = datetime.now(UTC) + timedelta(days=700)
            wanted = offer(quantity=quantity, region="5109") | {"valid_until": self.next_end(), "best_before": best_before}
            wanted |= {"claims": self.scene.chosen} if chooses else {}
            self.id = actions.offer_pledge(session, Caller(self.scene.giver.id, "merchant", session), wanted).id
        self.run_sql("DELETE FROM outbox")
        self.compare()

    @rule(fails=st.booleans(), number=NUMBERS, version=VERSIONS, quantity=QUANTITIES)
    def decide_claim(self, fails: bool, number: int, version: int, quantity: int) -> None:
        """Matching promises the pledge to the chosen need, or tells why not."""
        if fails:
            event = replace(example_of(ClaimFailed), pledge_id=self.id, need_id=self.scene.chosen)
            self.does(self.id, lambda session: choosing.record_failed_claims(session, [event]), lambda: self.pledge.decide_claim("failed"))
        else:
            heard = match_of(version, "accepted", quantity, 0)
            ids: dict[str, Any] = {"pledge_id": self.id, "match_id": self.matches.setdefault(number, new_id()), "chosen": "claim"}
            self.hear_match(self.id, ids, heard, lambda: self.pledge.hear(number, heard))
            self.pledge.decide_claim("accepted")
        self.compare()

    @precondition(lambda self: self.matches and len(self.pledge.again) < 3)
    @rule(pick=PICKS, quantity=st.none() | QUANTITIES, by_owner=st.sampled_from([True, True, True, False]))
    def offer_again(self, pick: int, quantity: int | None, by_owner: bool) -> None:
        """Offer again what came back: a pledge of its own."""
        number, match_id = list(self.matches.items())[pick % len(self.matches)]
        giver, refusal, expected, back = self.scene.giver.id if by_owner else new_id(), "", "", 0
        try:
            with self.database.begin() as session:
                actions.offer_again(session, Caller(giver, "merchant", session), match_id, quantity, self.next_end())
        except Problem as problem:
            refusal = problem.code
        try:
            back = self.pledge.offer_again(number, quantity, by_owner=by_owner)
        except Refused as refused:
            expected = str(refused)
        assert refusal == expected
        found = [(type(event).__name__, event.version, event.quantity) for event in self.take_events()]
        assert found == ([("PledgeOffered", 1, back)] if back else [])
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
        self.does(self.id, lambda session: act(session, Caller(giver, "merchant", session)), foretold)
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
        assert (row.accepted, row.proposed, row.claim_state) == (pledge.accepted, pledge.proposed, pledge.claim)
        assert row.listings == (LISTED_UNDER["city"] if pledge.is_listed else 0), "the list shows what is offered and not used up"
