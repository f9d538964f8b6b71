"""Events of needs, delivered late, shuffled, in batches, twice and republished."""

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from msgspec.structs import replace

from chassis.data.database import new_id
from contracts.event import Event
from contracts.needs import (
    NeedClosed,
    NeedExpired,
    NeedMet,
    NeedPublished,
    NeedReopened,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)

from ..conftest import changed, taken_back
from .comparison import Beside, picked

ONE_BY_ONE = (PledgeChanged, PledgeWithdrawn)
OPEN = (NeedPublished, NeedReopened)
TOWN, OTHER_COUNTY = "510903001", "510922002001"
URGENCIES = st.sampled_from(["normal", "urgent", "critical"])
REGIONS = st.sampled_from([TOWN + "001", TOWN + "002", TOWN + "001", OTHER_COUNTY])
SCOPES = st.sampled_from(["", "5109", "5109", "510903", TOWN + "001"])
THINGS = st.sampled_from([("food.rice", "kg"), ("food.rice", "kg"), ("food.rice", "kg"), ("food.oil", "kg"), ("food.oil", "l")])
OFFERS = st.sampled_from([("food.rice", "kg"), ("food.rice", "kg"), ("food", "kg"), ("food.oil", "l")])
QUANTITIES = st.integers(1, 9)
PICKS = st.integers(0, 2**16)


class Telling(Beside):
    """Needs and pledges come, change and go."""

    @rule(region=REGIONS, thing=THINGS, quantity=QUANTITIES, urgency=URGENCIES, at_once=st.booleans())
    def ask(self, region: str, thing: tuple[str, str], quantity: int, urgency: str, at_once: bool) -> None:
        self._tell(self.asked, self._need(region, thing, quantity, urgency), at_once)

    @rule(scope=SCOPES, thing=OFFERS, quantity=QUANTITIES, at_once=st.booleans())
    def offer(self, scope: str, thing: tuple[str, str], quantity: int, at_once: bool) -> None:
        self._tell(self.offers, self._pledge(scope, thing, quantity), at_once)

    @precondition(lambda self: self.asked)
    @rule(pick=PICKS, scope=SCOPES, quantity=QUANTITIES, claimed=st.none() | QUANTITIES, by_holder=st.booleans(), at_once=st.booleans())
    def offer_for(self, pick: int, scope: str, quantity: int, claimed: int | None, by_holder: bool, at_once: bool) -> None:
        """Offer a pledge for a chosen need, mostly one that the giver holds."""
        held = [(giver, need.id) for giver, (need, _) in self.book.holds.items()]
        giver, need_id = picked(pick, held) if held and by_holder else (new_id(), picked(pick, list(self.asked)))
        thing = (self.asked[need_id].category, self.asked[need_id].unit)
        self._tell(self.offers, replace(self._pledge(scope, thing, quantity), pledger_id=giver, claims=need_id, claimed=claimed), at_once)

    @precondition(lambda self: any(isinstance(one, OPEN) for one in self.asked.values()))
    @rule(pick=PICKS, kind=st.sampled_from([NeedWithdrawn, NeedClosed, NeedExpired, NeedMet]), at_once=st.booleans())
    def end_need(self, pick: int, kind: type[Event], at_once: bool) -> None:
        need = picked(pick, [one for one in self.asked.values() if isinstance(one, OPEN)])
        shared = {name: getattr(need, name) for name in kind.__struct_fields__ if hasattr(need, name)}
        at = datetime.now(UTC)
        more = {"reason": {NeedClosed: "met_elsewhere"}.get(kind), "withdrawn_by": need.poster_id, "version": need.version + 1}
        stated = shared | more | dict.fromkeys(("withdrawn_at", "closed_at", "expired_at", "met_at"), at)
        self._tell(self.asked, kind(**{name: stated[name] for name in kind.__struct_fields__ if name in stated}), at_once)

    @precondition(lambda self: any(isinstance(one, NeedExpired | NeedMet) for one in self.asked.values()))
    @rule(pick=PICKS, urgency=URGENCIES, at_once=st.booleans())
    def reopen_need(self, pick: int, urgency: str, at_once: bool) -> None:
        """Renew what had expired, or open again what had not arrived."""
        need = picked(pick, [one for one in self.asked.values() if isinstance(one, NeedExpired | NeedMet)])
        at = datetime.now(UTC)
        stated = {name: getattr(need, name) for name in NeedReopened.__struct_fields__ if hasattr(need, name)}
        times = {"posted_at": at, "published_at": at, "reopened_at": at, "expires_at": at}
        more = {"version": need.version + 1, "urgency": urgency, "reason": "renewed", "reopened_by": None}
        self._tell(self.asked, NeedReopened(**stated | times | more), at_once)

    @precondition(lambda self: any(not isinstance(one, PledgeWithdrawn) for one in self.offers.values()))
    @rule(pick=PICKS, scope=SCOPES, quantity=QUANTITIES, at_once=st.booleans())
    def change_pledge(self, pick: int, scope: str, quantity: int, at_once: bool) -> None:
        pledge = picked(pick, [one for one in self.offers.values() if not isinstance(one, PledgeWithdrawn)])
        first = PledgeOffered(**{name: getattr(pledge, name, None) for name in PledgeOffered.__struct_fields__})
        self._tell(self.offers, changed(first, region=scope, quantity=quantity), at_once)

    @precondition(lambda self: any(not isinstance(one, PledgeWithdrawn) for one in self.offers.values()))
    @rule(pick=PICKS, at_once=st.booleans())
    def withdraw_pledge(self, pick: int, at_once: bool) -> None:
        pledge = picked(pick, [one for one in self.offers.values() if not isinstance(one, PledgeWithdrawn)])
        first = PledgeOffered(**{name: getattr(pledge, name, None) for name in PledgeOffered.__struct_fields__})
        self._tell(self.offers, taken_back(first, version=pledge.version + 1), at_once)

    @precondition(lambda self: self.unheard)
    @rule(pick=PICKS, in_a_batch=st.booleans())
    def hear(self, pick: int, in_a_batch: bool) -> None:
        first = picked(pick, self.unheard)
        is_alone = not in_a_batch or isinstance(first[1], ONE_BY_ONE)
        batch = [one for one in self.unheard if one is first or (not is_alone and type(one[1]) is type(first[1]))]
        self.unheard = [one for one in self.unheard if one not in batch]
        self.heard += batch
        self._hear(batch)

    @precondition(lambda self: self.heard)
    @rule(pick=PICKS, is_retold=st.booleans())
    def hear_again(self, pick: int, is_retold: bool) -> None:
        """Delivered a second time with the same id, or told anew with another; mostly what may do harm twice."""
        harmful = [one for one in self.heard if not isinstance(one[1], NeedPublished | PledgeOffered)]
        id_, event = picked(pick, harmful if harmful and pick % 4 else self.heard)
        self._hear([(new_id() if is_retold else id_, event)], is_new=is_retold)
