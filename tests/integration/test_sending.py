"""Messages on the real thing: users' door, the sending process, and a server that plays Aliyun."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from flask import Response
from msgspec.structs import replace as change
from sqlalchemy import func, select, text, update

from chassis.data.database import Database, new_id, now
from chassis.data.encryption import fingerprint
from chassis.testing import forkserver
from chassis.testing.folders import kept_ports
from contracts.generate import example_of
from contracts.matching import MatchAccepted, MatchProposed
from contracts.needs import NeedPosted
from contracts.users import CodeRequested
from deploy.local.environment import signing_key_of
from deploy.local.mailbox import Mailbox
from notify import actions as notices
from notify.channels.aliyun import AliyunSms, outcome_of
from notify.channels.interface import Letter, SendingError
from notify.endpoints.model import Endpoint
from notify.endpoints.rules import make_secret
from notify.messages import planning
from notify.messages.model import Message
from notify.settings import AliyunSettings
from tests.integration.aliyun import Aliyun
from tests.integration.receivers import Receiver, Reply, came, make_certificate
from users.accounts.model import Account
from users.codes import derivation
from users.codes.model import CodeRequest
from users.households.model import Household

ROOT = Path(__file__).resolve().parents[2]
WHOLE = "CAMPAIGN" in os.environ
MESSAGES, KILLS = (5000, 100) if WHOLE else (150, 4)
VILLAGE = "510903001001"
TEMPLATES = {"code": "SMS_1", "news": "SMS_2", "help_coming": "SMS_3"}
ACCOUNT = AliyunSettings(
    key_id="LTAIofnobodyatall",
    key_secret="secretofnobodyatall",
    sign_name="对接沙盒",
    templates=TEMPLATES,
    endpoint="http://127.0.0.1:1",
)


@pytest.fixture(scope="module")
def player() -> Iterator[Aliyun]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        found = Aliyun(ACCOUNT, 0)
        found.open()
        yield found
        found.close()


@pytest.fixture
def aliyun(player: Aliyun) -> Aliyun:
    """The server with nothing taken, and without faults."""
    player.taken.clear()
    player.before = player.after = lambda phone: None
    player.whole = lambda: None
    return player


def letter(**changes: Any) -> Letter:
    words = {"title": "有人答应帮助了", "body": "…", "text": "news", "parameters": {"title": "有人答应帮助了"}}
    return Letter(**({"reference": uuid4(), "to": "+8613800000000", "language": "zh-CN"} | words | changes))


def refusal(channel: AliyunSms, sent: Letter) -> tuple[str, str]:
    with pytest.raises(SendingError) as error:
        channel.send(sent)
    assert error.value.__context__ is None or error.value.__suppress_context__
    assert sent.to.removeprefix("+86") not in repr(error.value)
    return error.value.outcome, error.value.reason


def test_aliyun_takes_a_signed_letter_and_lists_it(aliyun: Aliyun) -> None:
    channel, sent = AliyunSms(aliyun.account), letter()
    assert channel.find(sent, now()) == "absent"
    receipt = channel.send(sent)
    [taken] = aliyun.taken
    assert (receipt.outcome, receipt.number) == ("taken", taken.number)
    assert (taken.phone, taken.out_id) == ("13800000000", str(sent.reference))
    assert taken.text == "您在对接平台有新消息：有人答应帮助了。请登录查看，没有智能手机请询问村委会。"
    assert channel.find(sent, now()) == "delivered"
    assert channel.find(letter(), now()) == "absent", "another one to the same telephone"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key_secret": "anothersecretofnobody"}, "SignatureDoesNotMatch"),
        ({"key_id": "LTAIofsomebodyelse"}, "InvalidAccessKeyId.NotFound"),
        ({"sign_name": "别的签名"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"templates": {"news": "SMS_9"}}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"templates": {"code": "SMS_1"}}, "no_template.news"),
    ],
)
def test_account_that_aliyun_refuses_is_told_apart(aliyun: Aliyun, changes: dict[str, Any], reason: str) -> None:
    assert refusal(AliyunSms(replace(aliyun.account, **changes)), letter()) == ("technical-failure", reason)


def test_number_and_trouble_of_aliyun_are_told_apart(aliyun: Aliyun) -> None:
    channel = AliyunSms(aliyun.account, seconds=0.3)
    assert refusal(channel, letter(to="+8612")) == ("permanent-failure", "isv.MOBILE_NUMBER_ILLEGAL")
    aliyun.before = lambda phone: "isv.BUSINESS_LIMIT_CONTROL"
    assert refusal(channel, letter()) == ("permanent-failure", "isv.BUSINESS_LIMIT_CONTROL")
    aliyun.before = lambda phone: "isv.AMOUNT_NOT_ENOUGH"
    assert refusal(channel, letter()) == ("technical-failure", "isv.AMOUNT_NOT_ENOUGH")
    aliyun.before = lambda phone: time.sleep(1)
    assert refusal(channel, letter())[0] == "temporary-failure"
    assert refusal(AliyunSms(ACCOUNT, 0.3), letter())[0] == "temporary-failure"
    codes = ("Throttling.User", "isp.SYSTEM_ERROR", "ServiceUnavailable", "isv.OUT_OF_SERVICE", "Forbidden.RAM", "SomethingNew")
    assert [outcome_of(code) for code in codes] == ["temporary-failure"] * 3 + ["technical-failure"] * 3


@pytest.mark.parametrize(
    "answer", [("<html>busy</html>", 503), ("", 502), ('{"Code":"Throttling.User","Message":"slow"}', 429), ("<html>", 200)]
)
def test_broken_answer_of_aliyun_fails_for_now(aliyun: Aliyun, answer: tuple[str, int]) -> None:
    aliyun.whole = lambda: Response(answer[0], answer[1], content_type="application/json" if "{" in answer[0] else "text/html")
    assert refusal(AliyunSms(aliyun.account), letter())[0] == "temporary-failure"


def test_aliyun_s_sdk_logs_no_phone(aliyun: Aliyun, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)
    AliyunSms(aliyun.account).send(letter(to="+8613812345678"))
    assert "13812345678" not in caplog.text


@dataclass
class House:
    """Users with its door, the tables of notify, and the sending process."""

    notify: Database
    users: Database
    aliyun: Aliyun
    mailbox: Mailbox
    environment: dict[str, str]
    folder: Path
    sender: forkserver.Fork | None = None
    numbers: Iterator[int] = field(default_factory=count)
    telephones: dict[UUID, str] = field(default_factory=dict)

    def start(self, *words: str, **more: str) -> forkserver.Fork:
        return forkserver.start(words, self.environment | more, self.folder / f"{words[-1]}-{words[0].rpartition('.')[2]}.log", ROOT)

    def start_sender(self, **more: str) -> None:
        self.sender = self.start("notify.send", "notify", **more)

    def kill_sender(self) -> None:
        assert self.sender
        self.sender.kill()
        self.sender.wait(10)

    def register(self, number: int) -> list[UUID]:
        """Register households without an account, each with a telephone of its own."""
        with self.users.begin() as session:
            rows = [self._household(f"+86137{next(self.numbers):08}") for _ in range(number)]
            session.add_all(rows)
            session.flush()
            self.telephones = {row.id: str(row.contact_phone) for row in rows}
            return [*self.telephones]

    def tell(self, households: list[UUID]) -> None:
        """Tell households that somebody agreed to help."""
        example = example_of(MatchAccepted)
        events = [change(example, match_id=new_id(), household_id=one, account_id=None, region=VILLAGE) for one in households]
        with self.notify.begin() as session:
            for start in range(0, len(events), 500):
                notices.write_notices(session, events[start : start + 500])
            session.execute(Message.__table__.delete().where(Message.recipient_id.not_in(households)))

    def tell_beside(self, households: list[UUID]) -> None:
        """Tell households beside what waits already."""
        events = [
            change(example_of(MatchAccepted), match_id=new_id(), household_id=one, account_id=None, region=VILLAGE) for one in households
        ]
        with self.notify.begin() as session:
            notices.write_notices(session, events)
            others = Message.recipient_id.not_in(households)
            session.execute(Message.__table__.delete().where(Message.endpoint_id.is_(None), others))
            session.execute(select(func.pg_notify("messages", "")))

    def messages(self) -> list[Message]:
        with self.notify.begin() as session:
            found = list(session.scalars(select(Message).order_by(Message.created_at, Message.id)))
            session.expunge_all()
        return found

    def hurry(self) -> None:
        """Let leases and pauses pass at once."""
        with self.notify.begin() as session:
            session.execute(update(Message).where(Message.settled_at.is_(None)).values(due_at=now() - timedelta(seconds=1)))

    def _household(self, telephone: str) -> Household:
        return Household(
            id=new_id(), name="某户", national_id=str(new_id()), national_id_fingerprint=fingerprint(str(new_id())), status="registered",
            region=VILLAGE, contact_phone=telephone, contact_phone_fingerprint=fingerprint(telephone), phone_kind="own",
        )  # fmt: skip


@pytest.fixture(scope="module")
def standing_house(database_of: Callable[[str, str], str], player: Aliyun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tmp_path = tmp_path_factory.mktemp("house")
    web, mail = kept_ports(tmp_path / "ports", 2)
    urls = {name: database_of(name, f"{name}_messages") for name in ("users", "notify")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENCENT_", "ALIYUN_", "SMTP_"))}
    environment = (
        kept
        | {f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()}
        | {"PORT": str(web), "USERS_URL": f"http://127.0.0.1:{web}", "USERS_SIGNING_KEYS": str(signing_key_of(tmp_path)), "POOL_SIZE": "20"}
        | {"ALIYUN_KEY_ID": ACCOUNT.key_id, "ALIYUN_KEY_SECRET": ACCOUNT.key_secret, "ALIYUN_SMS_SIGN_NAME": ACCOUNT.sign_name}
        | {"ALIYUN_SMS_TEMPLATES": ",".join(f"{name}={number}" for name, number in TEMPLATES.items()), "LOG_LEVEL": "DEBUG"}
        | {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail), "SMTP_SECURITY": "none", "SMTP_SENDER": "duijie@example.org"}
        | {"ALIYUN_SMS_ENDPOINT": player.account.endpoint, "SMS_PER_SECOND": "5000", "SMS_PER_DAY": "100000"}
    )
    databases = {name: Database(url, name="test") for name, url in urls.items()}
    found = House(databases["notify"], databases["users"], player, Mailbox(mail), environment, tmp_path)
    found.mailbox.open()
    running = found.start("chassis.http", "users")
    soon(lambda: answers(f"http://127.0.0.1:{web}/livez"))
    yield found
    running.kill()
    running.wait(10)
    found.mailbox.close()
    for database in databases.values():
        database.close()


@pytest.fixture
def house(standing_house: House, aliyun: Aliyun) -> Iterator[House]:
    """The house without messages, and without a sender."""
    with standing_house.notify.begin() as session:
        session.execute(text("TRUNCATE endpoints, endpoint_deliveries, messages, attempts, providers, notices"))
    yield standing_house
    standing_house.kill_sender()


def answers(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(address, trust_env=False).status_code == 200
    return False


def soon(look: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.mark.timeout(900 if WHOLE else 120)
def test_killed_senders_lose_nothing_and_repeat_nothing(house: House) -> None:
    """Counted at the provider, which can be asked: each message came once, whenever a sender was killed."""
    house.aliyun.before = lambda phone: time.sleep(0.01)
    house.aliyun.after = lambda phone: time.sleep(0.02)
    house.tell(house.register(MESSAGES))
    house.start_sender()
    for kill in range(1, KILLS + 1):
        soon(lambda kill=kill: len(house.aliyun.taken) >= kill * MESSAGES // (KILLS + 2))
        house.kill_sender()
        house.hurry()
        house.start_sender()
    soon(lambda: all(one.state == "delivered" for one in house.messages()))
    came = Counter(one.out_id for one in house.aliyun.taken)
    messages = {str(one.id): one for one in house.messages()}
    assert came.keys() == messages.keys()
    assert len(messages) == MESSAGES
    assert {one: number for one, number in came.items() if number > 1 + messages[one].doubts} == {}
    assert sum(one.doubts for one in messages.values()) == 0
    assert house.aliyun.asked > 0, "a kill met a letter on its way"


def test_message_waits_while_users_is_away(house: House) -> None:
    [household] = house.register(1)
    house.tell([household])
    house.start_sender(DOOR_KEYS="another key that users do not know at all")
    soon(lambda: house.messages()[0].reason == "door.401")
    [waiting] = house.messages()
    assert (waiting.state, waiting.attempts, waiting.settled_at, house.aliyun.taken) == ("created", 0, None, [])
    house.kill_sender()
    house.start_sender()
    house.hurry()
    soon(lambda: house.messages()[0].state == "delivered")
    assert [f"+86{one.phone}" for one in house.aliyun.taken] == [house.telephones[household]]


def test_refused_account_closes_the_provider_and_wastes_little(house: House) -> None:
    house.aliyun.before = lambda phone: "isv.AMOUNT_NOT_ENOUGH"
    house.tell(house.register(60))
    house.start_sender()
    soon(lambda: sum(one.reason in {"provider_closed", "provider_busy"} for one in house.messages()) > 20)
    states = Counter(one.state for one in house.messages() if one.channel == "sms")
    assert 5 <= states["technical-failure"] <= 40
    assert {one.channel for one in house.messages() if one.channel != "sms"} == {"work_list"}


def test_code_and_notice_leave_by_mail_to_a_proven_address(house: House) -> None:
    """The code goes to the address that it is to prove; a notice goes there when the account has no proven telephone."""
    asked, giver = uuid4(), new_id()
    addresses = {"code": f"{asked.hex}@example.org", "notice": f"{giver.hex}@example.org"}
    key = derivation.id_of_key(house.environment["CODE_KEYS"].encode())
    expires_at = now() + timedelta(minutes=5)
    with house.users.begin() as session:
        account = Account(
            id=giver, kind="donor", phone="+8613700000000", phone_fingerprint=fingerprint(str(giver)), name="某人", region="5109",
            email=addresses["notice"],
        )  # fmt: skip
        request = CodeRequest(
            id=asked, purpose="email_change", phone=addresses["code"], phone_fingerprint=fingerprint(addresses["code"]), language="zh-CN",
            key_id=key, account_id=giver, expires_at=expires_at,
        )  # fmt: skip
        session.add_all([account, request])
    event = change(example_of(CodeRequested), code_id=asked, purpose="email_change", expires_at=expires_at)
    proposed = change(example_of(MatchProposed), match_id=new_id(), pledger_id=giver)
    with house.notify.begin() as session:
        planning.record_codes(session, [event])
        notices.write_notices(session, [proposed])
        session.execute(Message.__table__.delete().where(Message.code_id.is_(None), Message.recipient_id != giver))
    house.start_sender()
    [code] = soon(lambda: house.mailbox.mails(addresses["code"]))
    derived = derivation.derive_code(house.environment["CODE_KEYS"].encode(), "email_change", asked)
    assert (code.subject, code.text.startswith(f"{derived}为您的对接平台验证码")) == ("验证码", True)
    [notice] = soon(lambda: house.mailbox.mails(addresses["notice"]))
    assert notice.subject == "有人需要您的帮助"
    soon(lambda: {(one.channel, one.state) for one in house.messages() if one.channel == "email"} == {("email", "delivered")})
    assert {(one.channel, one.reason) for one in house.messages() if one.channel == "sms"} == {("sms", "no_address")}
    assert house.aliyun.taken == []


def test_personal_data_stay_out_of_tables_and_logs(house: House) -> None:
    house.tell(house.register(3))
    house.start_sender()
    soon(lambda: all(one.state == "delivered" for one in house.messages()))
    written = "".join(path.read_text() for path in house.folder.glob("*.log"))
    assert "notify" in written
    with house.notify.begin() as session:
        for table in ("messages", "attempts", "notices", "providers"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()
            assert rows
            written += str(rows)
    assert not [one for one in house.telephones.values() if one.removeprefix("+86") in written]


@pytest.fixture
def hooks(house: House, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver of webhooks that the sender may call on this machine; twenty deliveries wait for it."""
    certificate = make_certificate(tmp_path, "localhost")
    receiver = Receiver(certificate)
    house.environment |= {"ENDPOINT_NETWORKS": "127.0.0.0/8", "ENDPOINT_CA_FILE": str(certificate[1]), "ENDPOINT_PORTS": str(receiver.port)}
    at, endpoint_id = now(), new_id()
    address = f"https://localhost:{receiver.port}/duijie"
    with house.notify.begin() as session:
        stated = {
            "channel": "webhook",
            "name": "县里",
            "host": "localhost",
            "kinds": ["need_posted"],
            "language": "zh-CN",
            "state": "active",
        }
        counted = {"tests": 0, "tests_day": at.date(), "created_by": new_id(), "created_at": at, "proven_at": at}
        session.add(Endpoint(id=endpoint_id, region=VILLAGE[:6], address=address, secret=make_secret(), **stated, **counted))
        session.flush()
        told = [change(example_of(NeedPosted), need_id=new_id(), region=VILLAGE) for _ in range(20)]
        notices.write_notices(session, told)
        session.execute(Message.__table__.delete().where(Message.endpoint_id.is_(None)))
    yield receiver
    receiver.close()


def test_killed_sender_repeats_a_webhook_under_its_id(house: House, hooks: Receiver) -> None:
    """Nobody can ask a receiver: what was on its way is sent again, under the same id, and the doubt is noted."""
    hooks.reply = lambda call: time.sleep(0.2) or Reply()  # type: ignore[func-returns-value]
    house.start_sender()
    soon(lambda: len(hooks.calls) >= 3)
    house.kill_sender()
    house.hurry()
    house.start_sender()
    soon(lambda: all(one.state == "delivered" for one in house.messages()))
    arrived, messages = came(hooks.calls), {str(one.id): one for one in house.messages()}
    assert arrived.keys() == messages.keys()
    assert len(messages) == 20
    assert {one: number for one, number in arrived.items() if number > 1 + messages[one].doubts} == {}
    assert sum(one.doubts for one in messages.values()) > 0


def test_receiver_that_never_answers_holds_no_sms_up(house: House, hooks: Receiver) -> None:
    go_on = threading.Event()
    hooks.reply = lambda call: (go_on.wait(7) and Reply()) or Reply(500)
    house.start_sender()
    soon(lambda: len(hooks.calls) >= 6)
    began = time.monotonic()
    house.tell_beside(house.register(5))
    soon(lambda: len(house.aliyun.taken) == 5)
    assert time.monotonic() - began < 5
    go_on.set()
