"""The link between an account and WeChat: asked for with a code, noted once, one account's alone, and gone with it."""

from typing import Any

from msgspec.structs import replace
from sqlalchemy import select, text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.generate import example_of
from contracts.users import PersonErased
from notify import actions as notices
from notify.messages import actions
from notify.messages.model import Message
from notify.wechat import actions as links
from notify.wechat.model import WechatLink

from .conftest import proposal, write_notices

PATH = "/v1/wechat-link"


def ask(client: Client, person: Person, code: str = "0a1b2c3d4e5f") -> Any:
    answer = client.post(PATH, {"code": code}, by=person)
    assert answer.status_code == 202, answer.json
    return answer.json


def note(database: RolledBack, person: Person, openid: str) -> None:
    """Note an openid as the sending process does."""
    with database.begin() as session:
        links.link_openid(session, session.get_one(WechatLink, person.id).message_id, openid)


def test_account_is_linked_once_its_code_is_exchanged(client: Client, database: RolledBack) -> None:
    person = Person("donor")
    assert client.get(PATH, by=person).json == {"linked_at": None}
    assert ask(client, person) == {"linked_at": None}
    with database.begin() as session:
        [claimed] = actions.claim(session, 10)
    assert (claimed.channel, claimed.kind, claimed.recipient_id) == ("wechat", "wechat_link", person.id)
    note(database, person, "oABC")
    assert client.get(PATH, by=person).json["linked_at"] is not None
    with database.begin() as session:
        stored = session.execute(text("SELECT openid, code FROM wechat_links")).one()
    assert (b"oABC" in bytes(stored.openid), stored.code) == (False, None)
    for _ in range(2):
        assert client.flask.delete(PATH, headers=client._headers(person)).status_code == 204
    assert client.get(PATH, by=person).json == {"linked_at": None}


def test_wechat_user_belongs_to_one_account(client: Client, database: RolledBack) -> None:
    first, second = Person("donor"), Person("volunteer")
    for person in (first, second):
        ask(client, person)
        note(database, person, "oABC")
    assert client.get(PATH, by=first).json == {"linked_at": None}
    assert client.get(PATH, by=second).json["linked_at"] is not None


def test_openid_of_a_link_that_ended_is_not_noted(client: Client, database: RolledBack) -> None:
    person = Person("donor")
    ask(client, person)
    with database.begin() as session:
        message_id = session.get_one(WechatLink, person.id).message_id
    client.flask.delete(PATH, headers=client._headers(person))
    with database.begin() as session:
        links.link_openid(session, message_id, "oABC")
        assert session.scalars(select(WechatLink)).all() == []


def test_linked_person_gets_notices_in_wechat_too(client: Client, database: RolledBack) -> None:
    person, asking = Person("donor"), Person("donor")
    for one in (person, asking):
        ask(client, one)
    note(database, person, "oABC")
    write_notices(database, proposal(pledger_id=person.id), proposal(pledger_id=asking.id))
    with database.begin() as session:
        told = select(Message.channel).where(Message.kind == "match_proposed").order_by(Message.channel)
        assert session.scalars(told.where(Message.recipient_id == person.id)).all() == ["sms", "wechat"]
        assert session.scalars(told.where(Message.recipient_id == asking.id)).all() == ["sms"]


def test_link_goes_with_its_account(client: Client, database: RolledBack) -> None:
    person = Person("donor")
    ask(client, person)
    with database.begin() as session:
        notices.delete_notices(session, [replace(example_of(PersonErased), account_id=person.id, household_id=new_id())])
        assert session.scalars(select(WechatLink)).all() == []


def test_code_that_is_none_is_refused(client: Client) -> None:
    for code in ("", "short", "x" * 101, "<b>12345678</b>", None):
        assert client.post(PATH, {"code": code}, by=Person("donor")).status_code == 422
