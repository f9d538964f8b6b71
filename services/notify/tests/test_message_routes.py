"""Routes of messages: failures and resending for those who run the house, a village's work list, reports of providers."""

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.matching import MatchAccepted
from notify.channels import reports
from notify.messages import actions
from notify.messages.admission import admit
from notify.messages.model import Message
from notify.settings import Allowance

from .conftest import example, write_notices

VILLAGE = "510903100208"
KEYS = {"tencent": "t" * 32, "aliyun": "a" * 32}


@pytest.fixture
def household(database: RolledBack) -> UUID:
    """A household without an account that was told of help by SMS, which runs."""
    event = example(MatchAccepted, match_id=new_id(), household_id=new_id(), account_id=None, region=VILLAGE)
    write_notices(database, event)
    with database.begin() as session:
        session.execute(Message.__table__.delete().where(Message.recipient_id != event.household_id))
    found: UUID = event.household_id
    return found


def attempt(database: RolledBack, outcome: Any, **more: Any) -> None:
    with database.begin() as session:
        admit(session, "aliyun", Allowance(per_day=10, per_second=10), 1, are_codes=False)
        [begun] = actions.begin(session, actions.claim(session, 1), "aliyun")
        actions.note_outcome(session, begun, "aliyun", outcome, **more)


def states(database: RolledBack) -> list[tuple[str, str]]:
    with database.begin() as session:
        found = session.execute(select(Message.channel, Message.state).order_by(Message.created_at, Message.id))
        return [(channel, state) for channel, state in found]


def country(database: RolledBack) -> Person:
    return administrator_of(database, "")


def test_failures_are_counted_and_listed_without_recipients(client: Client, database: RolledBack, household: UUID) -> None:
    attempt(database, "permanent-failure", reason="isv.MOBILE_NUMBER_ILLEGAL")
    by = country(database)
    answer = client.get("/v1/messages/failure-reasons", by=by)
    assert answer.json["items"] == [
        {"channel": "sms", "provider": "aliyun", "state": "permanent-failure", "reason": "isv.MOBILE_NUMBER_ILLEGAL", "messages": 1}
    ]
    listed = client.get("/v1/messages/failures", by=by, channel="sms", reason="isv.MOBILE_NUMBER_ILLEGAL")
    [failure] = listed.json["items"]
    assert (failure["kind"], failure["attempts"], failure["doubts"]) == ("match_accepted", 1, 0)
    assert str(household) not in listed.text
    assert client.get("/v1/messages/failures", by=by, reason="other").json["items"] == []
    assert client.get("/v1/messages/failures", by=by, channel="pigeon").status_code == 422


@pytest.mark.parametrize("path", ["/v1/messages/failures", "/v1/messages/failure-reasons"])
def test_failures_are_for_the_whole_country_s_administrators(client: Client, database: RolledBack, path: str) -> None:
    assert client.get(path, by=administrator_of(database, "51")).json["code"] == "not_allowed"
    assert client.get(path, by=Person("donor")).status_code == 403


def test_failed_messages_are_sent_again_by_reason(client: Client, database: RolledBack, household: UUID) -> None:
    attempt(database, "technical-failure", reason="isv.AMOUNT_NOT_ENOUGH")
    assert states(database) == [("sms", "technical-failure"), ("work_list", "created")]
    by, body = country(database), {"channel": "sms", "reason": "isv.AMOUNT_NOT_ENOUGH"}
    answer = client.post("/v1/messages/resending", body, by=by)
    assert (answer.status_code, answer.json) == (201, {"resent": 1})
    assert client.post("/v1/messages/resending", body, by=by).json == {"resent": 0}
    attempt(database, "delivered")
    assert states(database) == [("sms", "delivered"), ("work_list", "withdrawn")]
    assert client.post("/v1/messages/resending", body, by=administrator_of(database, "51")).status_code == 403


def test_village_tells_its_household_from_the_work_list(client: Client, database: RolledBack, household: UUID) -> None:
    attempt(database, "permanent-failure", reason="no_address")
    by = administrator_of(database, VILLAGE)
    [line] = client.get("/v1/work-list", by=by).json["items"]
    assert (line["household_id"], line["title"], line["told_at"], line["allowed"]) == (
        str(household),
        "有人答应帮助了",
        None,
        ["tell_household"],
    )
    assert "您的需求" in line["text"]
    address = f"/v1/work-list/{line['id']}"
    elsewhere = administrator_of(database, "5107")
    assert client.get("/v1/work-list", by=elsewhere).json["items"] == []
    assert client.get(address, by=elsewhere).status_code == 404
    assert client.post(f"{address}/telling", by=elsewhere).status_code == 404
    told = client.post(f"{address}/telling", by=by)
    assert (told.status_code, told.json["allowed"], told.json["told_at"] is not None) == (201, [], True)
    assert client.post(f"{address}/telling", by=by).json == told.json
    assert client.get("/v1/work-list", by=by).json["items"] == []
    assert client.get(address, by=by).json == told.json


@pytest.fixture
def report_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_REPORT_KEYS", ",".join(f"{name}={key}" for name, key in KEYS.items()))


BODIES = {
    "aliyun": {"biz_id": "900^0", "phone_number": "13800000000", "success": False, "err_code": "MOBILE_NOT_ON_SERVICE", "out_id": "x"},
    "tencent": {"sid": "900^0", "mobile": "13800000000", "report_status": "FAIL", "errmsg": "MOBILE_NOT_ON_SERVICE", "nationcode": "86"},
}


def report(client: Client, provider: str, key: str, body: Any) -> Any:
    return client.flask.post(f"/v1/messages/reports/{provider}/{key}", data=json.dumps(body), content_type="application/json")


@pytest.mark.usefixtures("report_keys")
@pytest.mark.parametrize("provider", BODIES)
def test_report_of_a_provider_ends_the_message(client: Client, database: RolledBack, household: UUID, provider: str) -> None:
    attempt(database, "taken", number="900^0")
    with database.begin() as session:
        session.execute(update(actions.Attempt).values(provider=provider))
    answer = report(client, provider, KEYS[provider], [BODIES[provider]])
    assert (answer.status_code, answer.json) == (200, reports.READERS[provider].answer)
    assert report(client, provider, KEYS[provider], [BODIES[provider]]).status_code == 200, "it may come again"
    assert states(database) == [("sms", "permanent-failure"), ("work_list", "created")]


@pytest.mark.usefixtures("report_keys")
def test_report_without_the_key_changes_nothing(client: Client, database: RolledBack, household: UUID) -> None:
    attempt(database, "taken", number="900^0")
    wrong = [("aliyun", "b" * 32), ("aliyun", KEYS["tencent"]), ("tencent", KEYS["tencent"]), ("nobody", KEYS["aliyun"])]
    answers = [report(client, provider, key, [BODIES["aliyun"] | BODIES["tencent"]]).status_code for provider, key in wrong]
    assert answers == [404, 404, 200, 404], "the third is right, and knows no such letter"
    assert report(client, "aliyun", KEYS["aliyun"], {"biz_id": 1}).status_code == 422
    assert states(database) == [("sms", "sending")]
