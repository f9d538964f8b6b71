"""Letters by SMS: which text a telephone gets, what it is asked, and what happens to a text that nobody filed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from chassis.data.database import new_id, now
from chassis.data.encryption import fingerprint
from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import altered, unguarded
from chassis.wording import ItemWords
from contracts.event import Event
from contracts.matching import MatchAccepted, MatchSent
from contracts.needs import NeedExpiring, NeedPosted
from notify.channels.interface import NOT_FILED, Letter
from notify.messages import actions, letters
from notify.messages.actions import Claimed
from notify.messages.admission import admit
from notify.messages.contacts import Contact
from notify.messages.model import Message, ProviderState
from notify.model import Notice
from notify.questions.actions import Asking
from notify.settings import Allowance
from notify.templates.speaking import Speaker

from .conftest import example, notices, write_notices

PHONE = "+8613800000001"
QUILT = ItemWords("clothing.quilt", "piece", "goods", "棉被", "Quilt", "床")
PROVIDERS = Allowance(per_day=1000, per_second=1000)


def everything(text: str) -> bool:
    return True


def told(database: RolledBack, event: type[Event], **changes: Any) -> tuple[Claimed, Notice]:
    """Tell a household without an account about two quilts; return its message and its notice."""
    stated = {"category": QUILT.category, "unit": QUILT.unit, "quantity": 2, "household_id": new_id(), "account_id": None}
    made = example(event, **{name: value for name, value in stated.items() if name in event.__struct_fields__} | changes)
    write_notices(database, made)
    [notice] = [one for one in notices(database) if one.recipient_id == made.household_id]
    with database.begin() as session:
        claimed = actions.claim(session, 50)
    return next(one for one in claimed if one.notice_id == notice.id), notice


def written(told: tuple[Claimed, Notice], whose: str, is_filed: Callable[[str], bool] = everything) -> tuple[Letter, Asking | None]:
    """Write what leaves for a telephone: the question where one is asked, else the plain letter."""
    contact = Contact(told[0].recipient_id or UUID(int=0), PHONE, whose)
    speaker = Speaker({QUILT.category: QUILT})
    asks = letters.write_question(*told, speaker, contact, is_filed)
    return asks or (letters.write_notice(*told, speaker, PHONE, whose, is_filed), None)


ASKED = [(NeedPosted, "consent"), (MatchAccepted, "promise"), (NeedExpiring, "renewal"), (MatchSent, "arrival")]


@pytest.mark.parametrize(("event", "asked"), ASKED)
def test_own_telephone_is_asked_and_reads_what_for(database: RolledBack, event: type[Event], asked: str) -> None:
    more = {"asks_consent": True} if event is NeedPosted else {}
    claimed, notice = told(database, event, **more)
    letter, asking = written((claimed, notice), "own")
    assert asking is not None
    assert (letter.text, asking.asked, asking.about, asking.phone) == (f"ask_{asked}", asked, notice.about, fingerprint(PHONE))
    assert (asking.message_id, asking.recipient_id, asking.telephone) == (claimed.id, claimed.recipient_id, "own")
    assert any("2 床棉被" in value for value in letter.parameters.values())


@pytest.mark.parametrize("whose", ["shared", "neighbour"])
@pytest.mark.parametrize(("event", "asked"), [one for one in ASKED if one[1] != "promise"])
@pytest.mark.parametrize("guard", [None, unguarded("is_private else texts()[SHARED]", "without it a neighbour reads what was asked for")])
def test_shared_telephone_reads_no_item_unless_it_is_asked(
    database: RolledBack, event: type[Event], asked: str, whose: str, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        instead = "True else texts()[SHARED]"
        monkeypatch.setattr(letters, "write_notice", altered(letters.write_notice, guard, instead))
    more = {"asks_consent": True} if event is NeedPosted else {}
    letter, asking = written(told(database, event, **more), whose)
    assert (letter.text, letter.parameters, asking) == ("shared", {}, None), asked


@pytest.mark.parametrize("whose", ["shared", "neighbour"])
def test_shared_telephone_is_asked_whether_help_is_wanted(database: RolledBack, whose: str) -> None:
    letter, asking = written(told(database, MatchAccepted), whose)
    assert asking is not None
    assert (letter.text, asking.telephone) == ("ask_promise", whose)


def test_agent_of_a_household_is_told_and_not_asked(database: RolledBack) -> None:
    claimed, notice = told(database, MatchAccepted)
    notice.facts = notice.facts | {"on_behalf": True}
    letter, asking = written((claimed, notice), "own")
    assert (letter.text, asking) == ("help_coming", None)


def test_text_that_is_not_filed_gives_way_to_the_next(database: RolledBack) -> None:
    about = told(database, MatchAccepted)
    assert written(about, "own", lambda text: text != "ask_promise")[0].text == "help_coming"
    assert written(about, "own", lambda text: text == "news")[0].text == "news"
    assert written(about, "shared", lambda text: text == "news")[0].text == "news"


@pytest.mark.parametrize(
    "guard",
    [None, unguarded(' and not (reason or "").startswith(NOT_FILED)', "without it, one text that was not filed stops all others")],
)
def test_text_that_is_not_filed_closes_no_provider(database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None) -> None:
    note_outcome = altered(actions.note_outcome, guard) if guard else actions.note_outcome
    for _ in range(6):
        claimed, _notice = told(database, MatchAccepted, match_id=new_id())
        with database.begin() as session:
            admit(session, "tencent", PROVIDERS, 1, are_codes=True)
            [begun] = actions.begin(session, [claimed], "tencent")
            note_outcome(session, begun, "tencent", "technical-failure", f"{NOT_FILED}ask_promise")
    with database.begin() as session:
        assert session.scalars(select(ProviderState.closed_until)).all() == [None]
        assert "work_list" in session.scalars(select(Message.channel)).all()


def test_question_ends_with_the_deadline_of_what_it_is_about(database: RolledBack) -> None:
    until = now() + timedelta(hours=5)
    _, asking = written(told(database, NeedExpiring, expires_at=until), "own")
    assert asking is not None
    assert abs(asking.expires_at - until) < timedelta(milliseconds=1)
