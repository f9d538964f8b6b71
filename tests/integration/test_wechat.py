"""WeChat's subscription messages on a real server that plays the documented API, through the sending process too."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Response
from msgspec.structs import replace as change
from sqlalchemy import delete, select, text, update

from chassis.data.database import Database, new_id, now
from chassis.http.auth import Caller
from chassis.testing import forkserver
from chassis.testing.twins import altered, unguarded
from contracts.generate import example_of
from contracts.matching import MatchProposed
from notify import actions as notices
from notify.channels.interface import Letter, SendingError
from notify.channels.wechat import CHINA, LINK, Wechat, WechatToken, find_retry_at, outcome_of
from notify.messages import actions as messages
from notify.messages import planning
from notify.messages.actions import Claimed
from notify.messages.model import Message
from notify.messages.sending import Ready, Sender
from notify.settings import WechatSettings
from notify.wechat import actions as links
from notify.wechat.model import WechatLink
from tests.integration.wechat import APP, SECRET, TEMPLATE, WechatServer, answering

ROOT = Path(__file__).resolve().parents[2]
OPENID = "oABCDofnobodyatall"


@pytest.fixture
def server() -> Iterator[WechatServer]:
    found = WechatServer(allowed={OPENID: 5})
    found.open()
    yield found
    found.close()


def channel_to(server: WechatServer, linked: list[tuple[UUID, str]], token: WechatToken | None = None, **changes: Any) -> Wechat:
    settings = WechatSettings(
        app_id=APP,
        app_secret=SECRET,
        template_id=TEMPLATE,
        fields={"thing1": "title", "time2": "at"},
        page="pages/notices/index",
        endpoint=server.address,
    )
    return Wechat(replace(settings, **changes), token or WechatToken(), lambda reference, openid: linked.append((reference, openid)), 1)


def letter(to: str = OPENID, text: str = "news") -> Letter:
    words = {"title": "建议对接", "at": "2026年12月01日 12:00"} if text == "news" else {}
    return Letter(uuid4(), to, "zh-CN", text, words, "建议对接", "")


def refusal(channel: Wechat, sent: Letter) -> tuple[str, str]:
    with pytest.raises(SendingError) as error:
        channel.send(sent)
    assert sent.to not in repr(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__
    return error.value.outcome, error.value.reason


def test_message_fills_the_template_and_shares_one_token(server: WechatServer) -> None:
    token = WechatToken()
    channels = [channel_to(server, [], token) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert [one.outcome for one in pool.map(lambda channel: channel.send(letter()), channels)] == ["delivered"] * 4
    assert server.tokens == 1
    assert server.taken[0]["data"] == {"thing1": {"value": "建议对接"}, "time2": {"value": "2026年12月01日 12:00"}}
    assert {name: server.taken[0][name] for name in ("touser", "page", "lang")} == {
        "touser": OPENID,
        "page": "pages/notices/index",
        "lang": "zh_CN",
    }


def test_token_that_is_over_is_renewed_once(server: WechatServer) -> None:
    channel = channel_to(server, [])
    channel.send(letter())
    server.token = "another"  # as if somebody else had renewed it
    channel.send(letter())
    assert (server.tokens, len(server.taken)) == (2, 2)
    for code in (40001, 42001):
        server.fault = answering(code)
        before = server.tokens
        assert refusal(channel, letter()) == ("technical-failure", f"wechat.{code}")
        assert server.tokens == before + 1


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(43101, "permanent-failure"), (40003, "permanent-failure"), (45009, "temporary-failure"), (-1, "temporary-failure"),
     (40037, "technical-failure"), (47003, "technical-failure"), (41030, "technical-failure"), (48001, "technical-failure")],
)  # fmt: skip
def test_codes_of_wechat_are_told_apart(server: WechatServer, code: int, outcome: str) -> None:
    server.fault = answering(code)
    assert refusal(channel_to(server, []), letter()) == (outcome, f"wechat.{code}")
    assert outcome_of(code) == outcome


def test_used_up_budget_is_asked_for_again_at_midnight(server: WechatServer) -> None:
    channel, evening = channel_to(server, []), datetime(2026, 12, 1, 15, 59, tzinfo=UTC)
    retries = []
    for code in (45009, -1):
        server.fault = answering(code)
        with pytest.raises(SendingError) as error:
            channel.send(letter())
        retries.append(error.value.retry_at)
    assert retries[0] is not None
    assert (retries[0].astimezone(CHINA).time(), retries[1]) == (datetime.min.time(), None)
    assert find_retry_at(45009, evening) == evening + timedelta(minutes=1)


def test_person_who_allows_no_more_gets_nothing(server: WechatServer) -> None:
    server.allowed[OPENID] = 1
    channel = channel_to(server, [])
    channel.send(letter())
    assert refusal(channel, letter()) == ("permanent-failure", "wechat.43101")
    assert refusal(channel, letter("another")) == ("permanent-failure", "wechat.40003")


def test_wrong_account_and_broken_answers_are_told_apart(server: WechatServer) -> None:
    assert refusal(channel_to(server, [], app_secret="f" * 32), letter()) == ("technical-failure", "wechat.40125")
    channel = channel_to(server, [])
    for answer, reason in (("<html>", "JSONDecodeError"), ("[]", "200"), ("{}", None)):
        server.fault = answering(Response(answer, 200))
        if reason:
            assert refusal(channel, letter()) == ("temporary-failure", f"wechat.{reason}")
    server.fault = answering(Response("busy", 502))
    assert refusal(channel, letter()) == ("temporary-failure", "wechat.502")
    server.fault = answering(0, after=2)
    assert refusal(channel, letter()) == ("temporary-failure", "wechat.ReadTimeout")


def test_code_links_whoever_it_was_for(server: WechatServer) -> None:
    linked: list[tuple[UUID, str]] = []
    channel, sent = channel_to(server, linked), letter("code-of-somebody", LINK)
    server.codes["code-of-somebody"] = OPENID
    assert channel.send(sent).number is None
    assert linked == [(sent.reference, OPENID)]
    assert refusal(channel, sent) == ("permanent-failure", "wechat.40029")


def account_at(server: WechatServer) -> dict[str, str]:
    """Return the settings of the account at the server."""
    return {"WECHAT_APP_ID": APP, "WECHAT_APP_SECRET": SECRET, "WECHAT_TEMPLATE_ID": TEMPLATE, "WECHAT_ENDPOINT": server.address}


SLOW = unguarded(False, "without it, a provider that is slower than a lease gets the same message again and again")


@dataclass
class Stage:
    """One notice that waits for a WeChat user, and senders of this process."""

    database: Database
    stopping: threading.Event = field(default_factory=threading.Event)

    def sender(self) -> Sender:
        return Sender("notify", self.database, self.stopping)

    def claim(self, limit: int = 1) -> list[Claimed]:
        with self.database.begin() as session:
            return messages.claim(session, limit)

    def found(self) -> Message:
        with self.database.begin() as session:
            found = session.scalars(select(Message)).one()
            session.expunge(found)
            return found


@pytest.fixture
def stage(server: WechatServer, database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name, value in account_at(server).items():
        monkeypatch.setenv(name, value)
    database, person = Database(database_of("notify", "notify_slow"), name="test"), new_id()
    with database.begin() as session:
        session.execute(text("TRUNCATE endpoint_deliveries, messages, attempts, providers, notices, wechat_links"))
        planned = planning.plan_linking(session, person)
        links.ask_for_link(session, Caller(person, "donor", session), planned, "code")
        links.link_openid(session, planned, OPENID)
        session.execute(delete(Message))
        notices.write_notices(session, [change(example_of(MatchProposed), match_id=new_id(), pledger_id=person)])
        session.execute(delete(Message).where(Message.channel != "wechat"))
    found = Stage(database)
    yield found
    found.stopping.set()
    database.close()


@pytest.mark.parametrize("keeps_leases", [True, SLOW])
def test_slow_provider_gets_a_message_once(server: WechatServer, stage: Stage, monkeypatch: pytest.MonkeyPatch, keeps_leases: bool) -> None:
    """The call takes three leases. Two senders look for messages all the while."""
    monkeypatch.setattr(messages, "LEASE", timedelta(seconds=0.5))
    if not keeps_leases:
        extending = altered(messages.extend_leases, "func.clock_timestamp() + LEASE", "Message.due_at")
        monkeypatch.setattr(messages, "extend_leases", extending)
    server.fault = answering(None, after=1.5)
    senders, deadline = [stage.sender(), stage.sender()], time.monotonic() + 20
    while stage.found().state != "delivered" and time.monotonic() < deadline:
        for sender in senders:
            sender.take(stage.claim(sender.free))
        time.sleep(0.05)
    for sender in senders:
        sender.close()
    found = stage.found()
    assert (found.state, found.attempts, found.doubts, len(server.taken)) == ("delivered", 1, 0, 1)


STOOD_STILL = unguarded(True, "without it, a process that stood still sends what another has sent meanwhile")


@pytest.mark.parametrize("sends_anyway", [False, STOOD_STILL])
def test_process_that_stood_still_looks_before_it_sends(
    server: WechatServer, stage: Stage, monkeypatch: pytest.MonkeyPatch, sends_anyway: bool
) -> None:
    """It recorded its attempt and was stopped. Another one took the message over, and sent it."""
    if sends_anyway:
        monkeypatch.setattr(Sender, "_attempt", altered(Sender._attempt, "not self._still_holds(ready)", "False"))
    stopped, other = stage.sender(), stage.sender()
    [claimed] = stage.claim()
    with stage.database.begin() as session:
        [begun] = messages.begin(session, [claimed], "wechat")
        session.execute(update(Message).values(due_at=now()))
    other.take(stage.claim())
    other.close()
    assert (stage.found().state, stage.found().doubts, len(server.taken)) == ("delivered", 1, 1)
    entry = next(one for one in stopped._entries if one.name == "wechat")
    stopped._attempt((entry, Ready(begun, replace(letter(), reference=begun.id), begun=time.monotonic() - 60)))
    assert len(server.taken) == 1


def test_process_links_an_account_and_sends_it_a_notice(
    server: WechatServer, database_of: Callable[[str, str], str], tmp_path: Path
) -> None:
    url = database_of("notify", "notify_wechat")
    database = Database(url, name="test")
    person, before = new_id(), new_id()
    server.codes |= {"code-of-before": OPENID, "code-of-person": OPENID}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENCENT_", "ALIYUN_", "SMTP_", "VAPID_"))}
    sender = forkserver.start(
        ("notify.send", "notify"), kept | account_at(server) | {"NOTIFY_DATABASE_URL": url}, tmp_path / "send.log", ROOT
    )

    def link(who: UUID, code: str) -> None:
        with database.begin() as session:
            links.ask_for_link(session, Caller(who, "donor", session), planning.plan_linking(session, who), code)

    def soon(look: Callable[[Any], Any]) -> Any:
        deadline = time.monotonic() + 120
        while True:
            with database.begin() as session:
                if found := look(session):
                    return found
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.05)

    linked = select(WechatLink.account_id).where(WechatLink.linked_at.is_not(None))
    try:
        link(before, "code-of-before")
        soon(lambda session: session.scalars(linked).all() == [before])
        link(person, "code-of-person")
        soon(lambda session: session.scalars(linked).all() == [person])
        with database.begin() as session:
            notices.write_notices(session, [change(example_of(MatchProposed), match_id=new_id(), pledger_id=person)])
        states = select(Message.kind, Message.state).where(Message.channel == "wechat", Message.recipient_id == person)
        soon(lambda session: ("match_proposed", "delivered") in session.execute(states).all())
        [taken] = server.taken
        assert (taken["touser"], taken["data"]["thing1"]["value"]) == (OPENID, "建议对接")
        with database.begin() as session:
            row = session.scalars(select(WechatLink)).one()
            assert (row.openid, row.code) == (OPENID, None)
    finally:
        sender.kill()
        sender.wait(10)
        database.close()
    written = (tmp_path / "send.log").read_text()
    assert [secret for secret in (OPENID, SECRET, server.token, "code-of-person") if secret in written] == []
