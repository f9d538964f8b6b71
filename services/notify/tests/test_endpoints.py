"""Endpoints: who may register and see them, how they are proven, what they get, and when they are disabled."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, text, update
from standardwebhooks import Webhook

from chassis.data.database import new_id, now
from chassis.data.encryption import Ciphertext
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted, MatchProposed
from contracts.needs import NeedConfirmed, NeedPosted
from contracts.notify import EndpointDisabled
from contracts.users import PersonErased
from notify import actions as notices_actions
from notify.channels.interface import Letter
from notify.channels.webhooks import signed_headers
from notify.endpoints import actions, planning, queries, rules
from notify.endpoints.letters import EndpointBook
from notify.endpoints.model import TEST, Delivery, Endpoint
from notify.messages import actions as messages
from notify.messages.admission import admit
from notify.messages.model import Message
from notify.messages.rules import TO_ENDPOINTS
from notify.settings import Allowance, EndpointSettings

from .conftest import example, notices, published, write_notices

COUNTY, VILLAGE = "510903", "510903100208"
HOOK = "https://hooks.example.org/duijie?tenant=7"
WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
ADDRESSES = {
    "webhook": HOOK,
    "wecom": WECOM,
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/0192f0c1-7a00-7000-8000-000000000000",
}
BOOK = EndpointBook("https://duijie.example.org")


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


def wish(channel: str = "webhook", **changes: Any) -> dict[str, Any]:
    return {"channel": channel, "name": "审核群", "address": ADDRESSES[channel], "kinds": ["need_posted"]} | changes


def register(client: Client, by: Person, channel: str = "webhook", **changes: Any) -> Any:
    answer = client.post("/v1/endpoints", wish(channel, **changes), by=by)
    assert answer.status_code == 201, answer.json
    return answer.json


def claim(database: RolledBack) -> list[messages.Claimed]:
    with database.begin() as session:
        session.execute(update(Message).where(Message.settled_at.is_(None)).values(due_at=now() - timedelta(seconds=1)))
        return messages.claim(session, 100, TO_ENDPOINTS)


def letters(database: RolledBack, claimed: list[messages.Claimed]) -> list[Letter]:
    with database.begin() as session:
        return list(BOOK.write_letters(session, claimed).values())


def note(database: RolledBack, claimed: messages.Claimed, outcome: Any, **more: Any) -> None:
    """Let an attempt at a message end."""
    with database.begin() as session:
        admit(session, claimed.account_at(claimed.channel), Allowance(per_day=100, per_second=100), 1, are_codes=False)
        [begun] = messages.begin(session, [claimed], claimed.channel)
        messages.note_outcome(session, begun, claimed.channel, outcome, **more)


def code_in(letter: Letter) -> str:
    """The code of a test, as its reader finds it."""
    if letter.body.startswith("{"):
        return str(msgspec.json.decode(letter.body)["data"]["code"])
    return letter.body.partition("验证码 ")[2][:8]


def deliver_test(database: RolledBack, endpoint: dict[str, Any]) -> str:
    [claimed] = [one for one in claim(database) if str(one.endpoint_id) == endpoint["id"]]
    [letter] = letters(database, [claimed])
    note(database, claimed, "delivered")
    return code_in(letter)


def proven(client: Client, database: RolledBack, by: Person, channel: str = "webhook", **changes: Any) -> Any:
    """Register an endpoint and prove it."""
    made = register(client, by, channel, **changes)
    answer = client.post(f"/v1/endpoints/{made['id']}/proof", {"code": deliver_test(database, made)}, by=by)
    assert (answer.status_code, answer.json["state"]) == (201, "active")
    return made


def waiting(database: RolledBack) -> list[tuple[Message, Delivery]]:
    with database.begin() as session:
        found = select(Message, Delivery).join(Delivery, Delivery.message_id == Message.id).where(Message.settled_at.is_(None))
        return [
            (message, delivery)
            for message, delivery in session.execute(found.order_by(Message.id).execution_options(populate_existing=True))
        ]


def row(database: RolledBack, endpoint: dict[str, Any]) -> Endpoint:
    with database.begin() as session:
        return session.get_one(Endpoint, UUID(endpoint["id"]), populate_existing=True)


def tend(database: RolledBack) -> None:
    with database.begin() as session:
        actions.tend_endpoints(session)


@pytest.mark.parametrize("channel", ADDRESSES)
def test_endpoint_is_proven_by_the_code_of_a_test(client: Client, database: RolledBack, county: Person, channel: str) -> None:
    made = register(client, county, channel, region=COUNTY)
    assert (made["state"], made["host"], "address" in made) == ("unproven", ADDRESSES[channel].split("/")[2], False)
    assert ("secret" in made) is (channel == "webhook")
    write_notices(database, example(NeedPosted))
    assert [message.kind for message, _ in waiting(database)] == [TEST], "it gets nothing else before"
    path = f"/v1/endpoints/{made['id']}/proof"
    code = deliver_test(database, made)
    wrong = client.post(path, {"code": "A" * 8}, by=county)
    assert (wrong.status_code, wrong.json["code"]) == (422, "wrong_proof")
    right = client.post(path, {"code": code.lower()}, by=county)
    assert (right.status_code, right.json["state"], right.json["proven_at"] is not None) == (201, "active", True)
    assert client.post(path, {"code": code}, by=county).json["code"] == "state_conflict"


def test_code_of_a_test_holds_for_a_day(client: Client, database: RolledBack, county: Person) -> None:
    made = register(client, county, region=COUNTY)
    code = deliver_test(database, made)
    with database.begin() as session:
        session.execute(update(Endpoint).values(proof_until=now()))
    assert client.post(f"/v1/endpoints/{made['id']}/proof", {"code": code}, by=county).json["code"] == "wrong_proof"


def test_a_day_has_five_tests(client: Client, database: RolledBack, county: Person) -> None:
    made = register(client, county, region=COUNTY)
    path = f"/v1/endpoints/{made['id']}/tests"
    assert [client.post(path, by=county).status_code for _ in range(5)] == [201] * 4 + [429]
    assert client.post(path, by=county).headers["Retry-After"]


def test_office_holds_ten_endpoints(client: Client, county: Person) -> None:
    for _ in range(rules.MOST_ENDPOINTS):
        register(client, county, region=COUNTY)
    answer = client.post("/v1/endpoints", wish(region=COUNTY), by=county)
    assert (answer.status_code, answer.json["code"]) == (409, "too_many_endpoints")


WRONG = {
    "plain": ("webhook", "http://hooks.example.org/x"),
    "account": ("webhook", "https://user:word@hooks.example.org/"),
    "number": ("webhook", "https://2130706433/"),
    "address": ("webhook", "https://10.0.0.1/x"),
    "v6": ("webhook", "https://[::1]/x"),
    "one word": ("webhook", "https://localhost/x"),
    "port": ("webhook", "https://hooks.example.org:22/"),
    "fragment": ("webhook", "https://hooks.example.org/#x"),
    "line": ("webhook", "https://hooks.example.org/\r\nHost: x"),
    "backslash": ("webhook", "https://hooks.example.org\\@10.0.0.1/"),
    "no key": ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"),
    "other host": ("wecom", WECOM.replace("weixin", "wexin")),
    "other path": ("wecom", WECOM.replace("send", "upload_media")),
    "more parameters": ("dingtalk", ADDRESSES["dingtalk"] + "&sign=1"),
    "other service": ("feishu", WECOM),
    "no hook": ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/"),
}


@pytest.mark.parametrize("case", WRONG)
def test_unfit_address_is_refused(client: Client, county: Person, case: str) -> None:
    channel, address = WRONG[case]
    answer = client.post("/v1/endpoints", wish(channel, address=address, region=COUNTY), by=county)
    assert answer.status_code == 422, answer.json
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/address"]
    assert client.get("/v1/endpoints", by=county).json["items"] == []


def test_host_of_a_service_of_ones_own_is_allowed() -> None:
    settings = EndpointSettings(bot_hosts={"wecom": "im.example.gov.cn"})
    assert rules.find_host("wecom", WECOM.replace("qyapi.weixin.qq.com", "im.example.gov.cn"), settings) == "im.example.gov.cn"
    assert rules.find_host("wecom", WECOM, settings) == "qyapi.weixin.qq.com"
    assert rules.find_host("dingtalk", ADDRESSES["dingtalk"].replace("oapi.dingtalk.com", "im.example.gov.cn"), settings) is None


def test_this_machine_is_a_receiver_where_the_operator_says_so() -> None:
    here = EndpointSettings(networks=(ip_network("127.0.0.0/8"),))
    addresses = ("https://localhost/hook", "https://intranet/hook", "https://127.0.0.1/hook")
    assert [rules.find_host("webhook", one, EndpointSettings()) for one in addresses] == [None, None, None]
    assert [rules.find_host("webhook", one, here) for one in addresses] == ["localhost", None, None]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"kinds": []}, "#/kinds"), ({"kinds": ["match_proposed"]}, "#/kinds/0"), ({"kinds": ["endpoint_test"]}, "#/kinds/0"),
     ({"region": VILLAGE}, "#/region"), ({"region": None}, "#/region"), ({"bot_secret": "SEC1"}, "#/bot_secret"),
     ({"state": "active"}, "#/state"), ({"region": "510903100", "kinds": ["need_posted", "need_confirmed"]}, "#/kinds/1")],
)  # fmt: skip
def test_what_does_not_fit_an_office_is_refused(client: Client, county: Person, changes: dict[str, Any], pointer: str) -> None:
    answer = client.post("/v1/endpoints", wish(**{"region": COUNTY, **changes}), by=county)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_office_of_another_region_is_refused(client: Client, database: RolledBack, county: Person) -> None:
    assert client.post("/v1/endpoints", wish(region="510904"), by=county).status_code == 404
    assert client.post("/v1/endpoints", wish(region="5109"), by=county).status_code == 404, "not above the own level either"
    for kind in ("household", "donor", "volunteer"):
        assert client.post("/v1/endpoints", wish(), by=Person(kind)).status_code == 403
    answer = client.post("/v1/endpoints", wish(region=COUNTY, kinds=["match_accepted"]), by=Person("organisation"))
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/region"]


OTHERS = unguarded(
    "endpoint.owner_id == caller.id if endpoint.region is None else caller.reads(endpoint.region)", "without it, anybody reads it"
)
ACTS: dict[str, tuple[str, Any]] = {
    "get": ("", None), "deliveries": ("/deliveries", None), "test": ("/tests", {}), "proof": ("/proof", {"code": "A" * 8}),
    "secret": ("/secret", {}), "resending": ("/resending", {}), "change": ("", {"name": "别的"}), "remove": ("", None),
}  # fmt: skip


def ask(client: Client, endpoint: dict[str, Any], act: str, by: Person) -> Any:
    path, body = ACTS[act]
    path = f"/v1/endpoints/{endpoint['id']}{path}"
    if act == "change":
        return client.patch(path, body, by=by)
    if act == "remove":
        return client.flask.delete(path, headers=client._headers(by))
    return client.get(path, by=by) if body is None else client.post(path, body, by=by)


@pytest.mark.parametrize("change", [None, OTHERS])
def test_nobody_else_finds_an_endpoint(
    client: Client, database: RolledBack, county: Person, monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    if change:
        monkeypatch.setattr(queries, "may_read", altered(queries.may_read, change, "True"))
    owner = Person("organisation")
    office, own = proven(client, database, county, region=COUNTY), proven(client, database, owner, kinds=["match_accepted"])
    beside, below = administrator_of(database, "510904"), administrator_of(database, "510903100")
    for endpoint, strangers in ((office, [beside, below, owner]), (own, [county, beside, Person("organisation"), Person("merchant")])):
        for by in strangers:
            assert {act: ask(client, endpoint, act, by).status_code for act in ACTS} == dict.fromkeys(ACTS, 404)
            assert endpoint["id"] not in client.get("/v1/endpoints", by=by).text


def test_wider_administrators_act_and_auditors_read(client: Client, database: RolledBack, county: Person) -> None:
    made = proven(client, database, county, region=COUNTY)
    city, auditor = administrator_of(database, "5109"), auditor_of(database, COUNTY)
    assert client.get(f"/v1/endpoints/{made['id']}", by=city).json["allowed"] == [
        "change_endpoint", "remove_endpoint", "test_endpoint", "resend_deliveries", "rotate_endpoint_secret",
    ]  # fmt: skip
    assert client.get(f"/v1/endpoints/{made['id']}", by=auditor).json["allowed"] == []
    assert client.patch(f"/v1/endpoints/{made['id']}", {"name": "别的"}, by=auditor).json["code"] == "not_allowed"
    assert (
        client.patch(f"/v1/endpoints/{made['id']}", {"name": "县里的群", "kinds": ["need_confirmed"]}, by=city).json["name"] == "县里的群"
    )
    assert client.patch(f"/v1/endpoints/{made['id']}", {"name": "旧的"}, by=city, seen='"1"').json["code"] == "stale"


def test_address_and_secrets_are_encrypted_and_shown_to_nobody(client: Client, database: RolledBack, county: Person) -> None:
    made = register(client, county, region=COUNTY)
    shown = client.get(f"/v1/endpoints/{made['id']}", by=county).text + client.get("/v1/endpoints", by=county).text
    assert made["secret"] not in shown
    assert "tenant=7" not in shown
    [stored] = database.found(text("SELECT address, secret, proof FROM endpoints"))
    assert all(isinstance(one, bytes | memoryview | Ciphertext) for one in stored)
    assert not any(word in bytes(one) for one in stored for word in (b"whsec", b"hooks.example.org"))


def test_changes_of_an_office_s_endpoint_are_recorded(client: Client, database: RolledBack, county: Person) -> None:
    made = proven(client, database, county, region=COUNTY)
    for act in ("get", "change", "test", "secret", "resending", "remove"):
        assert ask(client, made, act, county).status_code < 300
    entries = database.found(text("SELECT act, actor_id, subject_id, region FROM audit.entries ORDER BY id"))
    assert {entry[1:] for entry in entries} == {(county.id, UUID(made["id"]), COUNTY)}
    assert [entry.act for entry in entries] == [
        "register_endpoint", "prove_endpoint", "change_endpoint", "test_endpoint", "rotate_endpoint_secret", "resend_deliveries",
        "remove_endpoint",
    ]  # fmt: skip


def test_webhook_is_signed_json_of_the_event(client: Client, database: RolledBack, county: Person) -> None:
    made = proven(client, database, county, region=COUNTY)
    event = example(NeedPosted, need_id=new_id(), region=VILLAGE)
    write_notices(database, event)
    [letter] = letters(database, claim(database))
    headers = signed_headers(letter, now())
    said = Webhook(made["secret"]).verify(letter.body, headers)
    assert (said["type"], said["data"]["about"], said["data"]["about_version"]) == ("need_posted", str(event.need_id), event.version)
    assert (said["data"]["side"], said["data"]["facts"]["region"], said["data"]["title"]) == ("administrator", VILLAGE, "有需求待您审核")
    assert headers["webhook-id"] == str(letter.reference)
    assert letter.to == HOOK


def test_both_secrets_sign_until_the_overlap_is_over(client: Client, database: RolledBack, county: Person) -> None:
    made = proven(client, database, county, region=COUNTY)
    fresh = client.post(f"/v1/endpoints/{made['id']}/secret", {"overlap_hours": 2}, by=county).json
    assert fresh["former_until"]
    write_notices(database, example(NeedPosted, need_id=new_id()))
    claimed = claim(database)
    [letter] = letters(database, claimed)
    assert letter.secrets == (fresh["secret"], made["secret"])
    for secret in letter.secrets:
        Webhook(secret).verify(letter.body, signed_headers(letter, now()))
    with database.begin() as session:
        session.execute(update(Endpoint).values(former_until=now() - timedelta(seconds=1)))
    assert [one.secrets for one in letters(database, claimed)] == [(fresh["secret"],)]
    tend(database)
    assert (row(database, made).former_secret, row(database, made).former_until) == (None, None)
    known = client.post(f"/v1/endpoints/{made['id']}/secret", {"overlap_hours": 0}, by=county).json
    assert [one.secrets for one in letters(database, claimed)] == [(known["secret"],)], "a secret that became known ends at once"


@pytest.mark.parametrize("change", [None, unguarded(".startswith(endpoint.region)", "without it, an office hears of other regions")])
def test_office_hears_of_its_region_alone(
    client: Client, database: RolledBack, county: Person, monkeypatch: pytest.MonkeyPatch, change: str | None
) -> None:
    if change:
        monkeypatch.setattr(planning, "_wanted_by", altered(planning._wanted_by, change, ".startswith('')"))
    proven(client, database, county, region=COUNTY)
    proven(client, database, administrator_of(database, "5107"), region="510704")
    event = example(NeedPosted, need_id=new_id(), region=VILLAGE)
    write_notices(database, event, event)
    write_notices(database, event, example(NeedPosted, need_id=new_id(), region="510704100200"), example(NeedConfirmed, region=VILLAGE))
    assert len(waiting(database)) == 2, "one each; of the kind that it chose, and once"


def test_office_hears_without_any_administrator_reading(client: Client, database: RolledBack, county: Person) -> None:
    proven(client, database, county, region=COUNTY)
    for _ in range(2):
        write_notices(database, example(NeedPosted, need_id=new_id(), region=VILLAGE))
    assert len([one for one in notices(database) if one.kind == "need_posted"]) == 1
    assert len(waiting(database)) == 2


def test_account_gets_its_own_notices_alone(client: Client, database: RolledBack) -> None:
    owner = Person("merchant")
    proven(client, database, owner, kinds=["match_accepted", "match_proposed"])
    write_notices(database, example(MatchProposed, match_id=new_id(), pledger_id=owner.id), example(MatchAccepted, match_id=new_id()))
    [(message, delivery)] = waiting(database)
    assert (message.kind, delivery.side) == ("match_proposed", "giver")
    assert delivery.facts.get("region", "")[9:] == "", "givers learn no village"
    assert not {str(owner.id)} & {str(value) for value in delivery.facts.values()}


def test_bot_counts_what_is_like_a_letter_that_waits(client: Client, database: RolledBack, county: Person) -> None:
    proven(client, database, county, "wecom", region=COUNTY)
    events = [example(NeedPosted, need_id=new_id(), region=VILLAGE) for _ in range(4)]
    write_notices(database, *events[:2])
    write_notices(database, events[2])
    [(message, delivery)] = waiting(database)
    assert (delivery.more, message.due_at - message.created_at) == (2, rules.GATHERING)
    claimed = claim(database)
    write_notices(database, events[3])
    assert len(waiting(database)) == 2, "the words of one in hand may be written"
    [letter] = letters(database, claimed)
    assert "另有 2 条同类消息。" in letter.body
    assert letter.body.endswith("https://duijie.example.org")
    assert letter.title == "有需求待您审核"


def test_removed_endpoint_gets_nothing_more(client: Client, database: RolledBack, county: Person) -> None:
    made = proven(client, database, county, region=COUNTY)
    write_notices(database, example(NeedPosted, need_id=new_id(), region=VILLAGE))
    claimed = claim(database)
    assert client.flask.delete(f"/v1/endpoints/{made['id']}", headers=client._headers(county)).status_code == 204
    assert letters(database, claimed) == []
    assert client.get(f"/v1/endpoints/{made['id']}", by=county).status_code == 404
    assert database.found(text("SELECT state, reason FROM messages WHERE kind = 'need_posted' AND endpoint_id IS NOT NULL")) == [
        ("withdrawn", "gone")
    ]


def test_erased_owner_s_endpoint_is_removed(client: Client, database: RolledBack) -> None:
    owner = Person("organisation")
    proven(client, database, owner, kinds=["match_accepted"])
    with database.begin() as session:
        notices_actions.delete_notices(session, [example(PersonErased, account_id=owner.id, household_id=None)])
    assert database.found(text("SELECT id FROM endpoints")) == []
    assert database.found(text("SELECT message_id FROM endpoint_deliveries")) == []


def failing(client: Client, database: RolledBack, by: Person, failure: Any, days: float, **changes: Any) -> Any:
    """An endpoint that took its test some days ago, and then nothing."""
    made = proven(client, database, by, **changes)
    event = MatchAccepted if changes.get("kinds") == ["match_accepted"] else NeedPosted
    who = {"pledger_id": by.id} if event is MatchAccepted else {"region": VILLAGE}
    write_notices(database, example(event, **{"match_id" if event is MatchAccepted else "need_id": new_id()}, **who))
    with database.begin() as session:
        past = now() - timedelta(days=days)
        session.execute(update(Endpoint).values(proven_at=past - timedelta(days=1)))
        session.execute(update(Message).values(created_at=past, settled_at=None))
        session.execute(update(Message).where(Message.kind == TEST).values(settled_at=past - timedelta(hours=1)))
    [claimed] = [one for one in claim(database) if one.kind != TEST]
    note(database, claimed, failure, reason="http.500")
    return made


@pytest.mark.parametrize(
    ("failure", "days", "state"),
    [("temporary-failure", 4, "active"), ("temporary-failure", 5.1, "disabled"), ("technical-failure", 5.1, "disabled"),
     ("permanent-failure", 0, "disabled"), ("delivered", 6, "active")],
)  # fmt: skip
def test_endpoint_that_failed_for_days_is_disabled(
    client: Client, database: RolledBack, county: Person, failure: Any, days: float, state: str
) -> None:
    made = failing(client, database, county, failure, days, region=COUNTY)
    tend(database)
    assert row(database, made).state == state


def test_endpoint_that_took_something_later_stays(client: Client, database: RolledBack, county: Person) -> None:
    made = failing(client, database, county, "temporary-failure", 6, region=COUNTY)
    write_notices(database, example(NeedPosted, need_id=new_id(), region=VILLAGE))
    newest = max(claim(database), key=lambda one: one.created_at)
    note(database, newest, "delivered")
    tend(database)
    assert row(database, made).state == "active"


def test_owner_is_told_of_a_disabled_endpoint(client: Client, database: RolledBack) -> None:
    owner = Person("organisation")
    made = failing(client, database, owner, "permanent-failure", 0, kinds=["match_accepted"])
    tend(database)
    [event] = [one for one in published(database) if isinstance(one, EndpointDisabled)]
    assert (event.endpoint_id, event.held_by, event.owner_id, event.region) == (UUID(made["id"]), "account", owner.id, "")
    write_notices(database, event)
    [told] = [one for one in client.get("/v1/notices", by=owner).json["items"] if one["kind"] == "endpoint_disabled"]
    assert told["text"].startswith("您登记的签名推送（Webhook）持续推送失败，已停用。")
    shown = client.get(f"/v1/endpoints/{made['id']}", by=owner).json
    assert (shown["state"], shown["reason"], "prove_endpoint" in shown["allowed"]) == ("disabled", "http.500", True)


def test_county_is_told_of_its_disabled_bot_and_mends_it(client: Client, database: RolledBack, county: Person) -> None:
    made = failing(client, database, county, "permanent-failure", 0, channel="wecom", region=COUNTY)
    tend(database)
    [event] = [one for one in published(database) if isinstance(one, EndpointDisabled)]
    write_notices(database, event)
    assert [one.kind for one in notices(database) if one.recipient_id == county.id and one.kind != "need_posted"] == ["endpoint_disabled"]
    path = f"/v1/endpoints/{made['id']}"
    assert client.post(f"{path}/resending", by=county).json["code"] == "state_conflict"
    assert client.post(f"{path}/tests", by=county).status_code == 201
    assert client.post(f"{path}/proof", {"code": deliver_test(database, made)}, by=county).json["state"] == "active"
    tend(database)
    assert row(database, made).state == "active", "failures from before do not count"
    answer = client.post(f"{path}/resending", by=county)
    assert (answer.status_code, answer.json["resent"]) == (201, 1)
    assert [message.kind for message, _ in waiting(database)] == ["need_posted"]
    listed = client.get(f"{path}/deliveries", by=county).json["items"]
    assert {one["kind"] for one in listed} == {"need_posted", "endpoint_test"}


def test_failure_of_one_endpoint_closes_no_other(client: Client, database: RolledBack, county: Person) -> None:
    first, second = proven(client, database, county, region=COUNTY), proven(client, database, county, region=COUNTY)
    for _ in range(6):
        write_notices(database, example(NeedPosted, need_id=new_id(), region=VILLAGE))
    for one in claim(database):
        note(database, one, "temporary-failure" if str(one.endpoint_id) == first["id"] else "delivered")
    closed = dict(database.found(text("SELECT name, closed_until IS NOT NULL FROM providers")))
    assert closed == {f"webhook.{UUID(first['id']).hex}": True, f"webhook.{UUID(second['id']).hex}": False}


def test_endpoint_that_asks_to_wait_is_left_alone(client: Client, database: RolledBack, county: Person) -> None:
    proven(client, database, county, region=COUNTY)
    write_notices(database, example(NeedPosted, need_id=new_id(), region=VILLAGE))
    [one] = claim(database)
    retry_at = now() + timedelta(hours=1)
    note(database, one, "temporary-failure", reason="http.429", retry_at=retry_at)
    [(message, _)] = waiting(database)
    assert (message.state, message.due_at) == ("temporary-failure", retry_at)
    with database.begin() as session:
        assert admit(session, one.account_at("webhook"), Allowance(per_day=9, per_second=9), 1, are_codes=False) == (0, retry_at)
