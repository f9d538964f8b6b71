"""Events of needs, delivered late, shuffled, in batches, twice and republished."""

from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from chassis.data.database import new_id
from contracts.event import Event
from contracts.needs import NeedClosed, NeedPublished, PledgeChanged, PledgeOffered, PledgeWithdrawn

from ..conftest import changed, taken_back, withdrawn
from .comparison import Beside, picked

ONE_BY_ONE = (PledgeChanged, PledgeWithdrawn)
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

    @precondition(lambda self: any(isinstance(one, NeedPublished) for one in self.asked.values()))
    @rule(pick=PICKS, is_withdrawn=st.booleans(), at_once=st.booleans())
    def end_need(self, pick: int, is_withdrawn: bool, at_once: bool) -> None:
        need = picked(pick, [one for one in self.asked.values() if isinstance(one, NeedPublished)])
        ending: Event = withdrawn(need)
        if not is_withdrawn:
            shared = {name: getattr(ending, name) for name in NeedClosed.__struct_fields__ if hasattr(ending, name)}
            ending = NeedClosed(**shared | {"reason": "met_elsewhere", "closed_at": datetime.now(UTC)})
        self._tell(self.asked, ending, at_once)

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
