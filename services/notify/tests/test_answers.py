"""Answers by SMS: each counts once, for one open question, from the telephone that was asked; what was tried against that."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, text, update

from chassis.data.database import Database, new_id, now
from chassis.data.encryption import fingerprint
from chassis.http.app import create_app
from chassis.messaging import outbox
from chassis.testing.fixtures import Client, KnownKeys, RolledBack
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted, MatchAnswerJudged, MatchSent
from contracts.needs import NeedExpiring
from contracts.notify import QuestionAnswered
from notify.answers import actions
from notify.answers.model import AnswerTaken
from notify.api import api
from notify.channels import replies
from notify.channels.texts import texts
from notify.messages import actions as messages
from notify.messages.model import Message
from notify.questions import actions as questions
from notify.questions import rules
from notify.questions.actions import Asking
from notify.questions.model import Question

from .conftest import example, notices, published, write_notices

PHONE, OTHER = "13800000001", "13800000002"
KEYS = {"tencent": "t" * 32, "aliyun": "a" * 32}
VILLAGE = "510903100208"


@pytest.fixture(autouse=True)
def report_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_REPORT_KEYS", ",".join(f"{name}={key}" for name, key in KEYS.items()))


def ask(
    database: RolledBack, asked: Any = "promise", phone: str = PHONE, extensions: tuple[str, ...] = ("",), **changes: Any
) -> UUID | None:
    """Tell a household something that its text asks about, and open the question; return its id, None when no number is free."""
    kind = NeedExpiring if asked == "renewal" else MatchAccepted
    subject = "need_id" if asked == "renewal" else "match_id"
    event = example(kind, **{subject: new_id(), "household_id": new_id(), "account_id": None, "region": VILLAGE})
    write_notices(database, event)
    notice = next(one for one in notices(database) if one.about == event.subject and one.recipient_id == event.household_id)
    with database.begin() as session:
        message = session.scalars(select(Message).where(Message.notice_id == notice.id)).one()
        message.state = "sending"
        asking = Asking(
            notice.id, message.id, notice.recipient_id, VILLAGE, notice.kind, asked, notice.about, notice.about_version,
            fingerprint(f"+86{phone}"), changes.get("telephone", "own"), changes.get("expires_at", now() + timedelta(days=1)),
        )  # fmt: skip
        extension = questions.open_question(session, asking, "tencent", extensions)
        if extension is None:
            return None
        newest = select(Question.id).where(Question.message_id == message.id).order_by(Question.id.desc())
        return session.scalars(newest).first()


def reply(client: Client, text: str, phone: str = PHONE, extend: str = "", key: str = KEYS["tencent"], at: int = 1) -> Any:
    body = {"extend": extend, "mobile": phone, "nationcode": "86", "sign": "某某县", "text": text, "time": at}
    return client.flask.post(f"/v1/messages/replies/tencent/{key}", data=json.dumps(body), content_type="application/json")


def state_of(database: RolledBack, question_id: UUID | None) -> tuple[str, str | None]:
    with database.begin() as session:
        session.expire_all()
        question = session.get_one(Question, question_id)
        return question.state, question.answer


def outcomes(database: RolledBack) -> list[str]:
    with database.begin() as session:
        return list(session.scalars(select(AnswerTaken.outcome).order_by(AnswerTaken.came_at)))


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("duijie_sms_answers_total", {"outcome": outcome}) or 0.0


def follow_ups(database: RolledBack) -> list[str | None]:
    with database.begin() as session:
        return list(session.scalars(select(Message.text).where(Message.question_id.is_not(None)).order_by(Message.created_at)))


def listed(database: RolledBack) -> list[UUID | None]:
    with database.begin() as session:
        return list(session.scalars(select(Message.notice_id).where(Message.channel == "work_list", Message.settled_at.is_(None))))


def answered(database: RolledBack) -> list[QuestionAnswered]:
    return [event for event in published(database) if isinstance(event, QuestionAnswered)]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("1", "1"),
        ("１", "1"),
        (" 1。", "1"),
        ("①", "1"),
        ("1️⃣", "1"),
        ("“1”", "1"),
        ("回复1", "1"),
        ("Y", "1"),
        ("同意！", "1"),
        ("好的", "1"),
        ("2.", "2"),
        ("不需要", "2"),
        ("３", "3"),
        ("没有收到。", "4"),
        ("TD", rules.STOP),
        ("12", None),
        ("1和2", None),
        ("好像不行", None),
        ("1 2", None),
        ("5", None),
        ("", None),
        ("谢谢", None),
        ("1" * 200, None),
        ("٣", None),
    ],
)
def test_answer_is_read_by_a_strict_table(said: str, read: str | None) -> None:
    assert rules.read_answer(said) == read


def test_answer_in_time_is_told_once(client: Client, database: RolledBack) -> None:
    question = ask(database)
    answer = reply(client, "1")
    assert (answer.status_code, answer.json) == (200, replies.READERS["tencent"].answer)
    [event] = answered(database)
    assert (event.question_id, event.asked, event.answer, event.telephone) == (question, "promise", "accept", "own")
    assert state_of(database, question) == ("answered", "accept")
    with database.begin() as session:
        assert session.scalars(select(Message.state).where(Message.recipient_id == event.person_id)).all() == ["delivered"]
    assert (listed(database), follow_ups(database)) == ([], [])


def _take(guard: str | None, instead: str = "") -> Callable[..., Any]:
    return altered(actions.take_reply, guard, instead) if guard else actions.take_reply


@pytest.mark.parametrize(
    "guard",
    [
        None,
        unguarded(
            ".on_conflict_do_nothing().returning(AnswerTaken.number)) is None", "without it a second copy is taken as a second answer"
        ),
    ],
)
def test_replayed_answer_changes_nothing(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None) -> None:
    if guard:
        instead = '.on_conflict_do_update(index_elements=["provider", "number"], set_={"came_at": at})) is None'
        monkeypatch.setattr(actions, "take_reply", _take(guard, instead))
    question, repeated, late = ask(database), counted("repeated"), counted("late")
    reply(client, "什么意思")
    reply(client, "什么意思")
    assert state_of(database, question) == ("open", None)
    assert follow_ups(database) == ["ask_again"]
    reply(client, "1", at=2)
    reply(client, "1", at=2)
    reply(client, "2", at=3)
    assert [event.answer for event in answered(database)] == ["accept"]
    assert outcomes(database) == ["asked_again", "understood", "late"]
    assert (counted("repeated") - repeated, counted("late") - late) == (2, 1)
    assert follow_ups(database) == ["ask_again"], "nobody is told that they answered before"


@pytest.mark.parametrize("key", ["x" * 32, KEYS["aliyun"], unguarded(KEYS["tencent"], "whoever has the key is heard")])
def test_forged_callback_without_the_key_is_not_heard(client: Client, database: RolledBack, key: str) -> None:
    question = ask(database)
    assert reply(client, "1", key=key).status_code == 404
    assert state_of(database, question) == ("open", None)
    assert outcomes(database) == []


@pytest.mark.parametrize("guard", [None, unguarded("Question.phone == fingerprint(reply.phone), ", "without it anybody's answer counts")])
def test_answer_of_another_number_counts_for_nobody(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(actions, "_find_question", altered(actions._find_question, guard))
    question = ask(database)
    reply(client, "1", phone=OTHER)
    assert answered(database) == []
    assert state_of(database, question) == ("open", None)
    assert (outcomes(database), follow_ups(database)) == (["unasked"], [])


@pytest.mark.parametrize("guard", [None, unguarded(" or question.expires_at <= at", "without it a late answer counts")])
def test_late_answer_does_nothing_and_says_so_once(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(actions, "_go_on", altered(actions._go_on, guard))
    question = ask(database)
    with database.begin() as session:
        session.execute(update(Question).values(expires_at=now() - timedelta(seconds=1)))
    reply(client, "1")
    reply(client, "1", at=2)
    assert answered(database) == []
    assert state_of(database, question) == ("expired", None)
    assert (outcomes(database), follow_ups(database)) == (["late", "late"], ["answer_late"])


LOCK = ".with_for_update()"


@pytest.mark.parametrize("lock", [LOCK, unguarded("", "without the lock, both of two opposite answers are told")])
def test_of_two_answers_that_meet_the_first_counts(
    database_of: Callable[[str, str], str], keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(actions, "_find_question", altered(actions._find_question, LOCK, lock))
    real = Database(database_of("notify", "notify_answers"), name="answers")
    clients = [Client(create_app("notify", api, database=real, keys=keys).test_client(), keys) for _ in range(2)]
    question = ask(real)  # type: ignore[arg-type]
    acts = [lambda client=client, said=said: reply(client, said) for client, said in zip(clients, ("1", "2"), strict=True)]
    meet_at_lock(real, text("SELECT FROM questions FOR UPDATE"), acts)
    with real.begin() as session:
        told = [event for event in outbox.pending(session) if isinstance(event, QuestionAnswered)]
        outcomes = {*session.scalars(select(AnswerTaken.outcome))}
    real.close()
    assert [event.question_id for event in told] == [question]
    assert outcomes == {"understood", "late"}


def test_second_question_waits_for_no_number_that_is_taken(database: RolledBack) -> None:
    assert ask(database, "promise") is not None
    assert ask(database, "renewal") is None, "one number asks one question at a time"
    assert ask(database, "renewal", phone=OTHER) is not None


@pytest.mark.parametrize(
    "guard", [None, unguarded(", Question.extension == reply.extension", "without it an answer meets the other question")]
)
def test_two_open_questions_are_told_apart_by_their_numbers(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(actions, "_find_question", altered(actions._find_question, guard))
    promise, renewal = ask(database, "promise", extensions=("", "1")), ask(database, "renewal", extensions=("", "1"))
    reply(client, "2")
    reply(client, "3", extend="1", at=2)
    assert [(event.question_id, event.answer) for event in answered(database)] == [(promise, "refuse"), (renewal, "renew")]
    assert follow_ups(database) == []


def test_digit_of_another_question_is_not_clear(client: Client, database: RolledBack) -> None:
    question = ask(database, "renewal")
    reply(client, "1")
    assert answered(database) == []
    assert state_of(database, question) == ("open", None)
    reply(client, "3", at=2)
    assert [event.answer for event in answered(database)] == ["renew"]


@pytest.mark.parametrize("guard", [None, unguarded("question.times < rules.ASKED_AT_MOST", "without it people are asked for ever")])
def test_unclear_answer_is_asked_again_once_then_listed(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(actions, "_go_on", altered(actions._go_on, guard, "True"))
    question = ask(database)
    reply(client, "你们是谁")
    assert (follow_ups(database), listed(database)) == (["ask_again"], [])
    reply(client, "听不懂", at=2)
    assert state_of(database, question) == ("unclear", None)
    assert follow_ups(database) == ["ask_again", "answer_listed"]
    [line] = listed(database)
    assert line in {one.id for one in notices(database)}
    reply(client, "1", at=3)
    assert answered(database) == []


def test_wish_for_no_more_texts_goes_to_the_list(client: Client, database: RolledBack) -> None:
    question = ask(database)
    reply(client, "TD")
    assert state_of(database, question) == ("stopped", None)
    assert (len(listed(database)), follow_ups(database)) == (1, [])


UNSUBSCRIBES = unguarded("unsubscribe(session, question.recipient_id, SMS)", "without it the next text leaves all the same")


@pytest.mark.parametrize("guard", [None, UNSUBSCRIBES])
@pytest.mark.parametrize("is_late", [False, True])
def test_wish_for_no_more_texts_ends_them_also_when_late(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_late: bool, guard: str | None
) -> None:
    if guard:
        monkeypatch.setattr(actions, "_stop", altered(actions._stop, guard, "pass"))
    question = ask(database)
    if is_late:
        reply(client, "1")
    reply(client, "退订", at=2)
    assert (outcomes(database)[-1], follow_ups(database)) == ("stopped", [])
    with database.begin() as session:
        household = session.get_one(Question, question).recipient_id
    write_notices(database, example(MatchSent, match_id=new_id(), household_id=household, account_id=None, region=VILLAGE))
    with database.begin() as session:
        later = select(Message.channel).where(Message.recipient_id == household, Message.kind == "match_sent")
        assert session.scalars(later).all() == ["work_list"]


@pytest.mark.parametrize("asked", rules.KINDS)
@pytest.mark.parametrize("whose", ["shared", "neighbour", None])
def test_shared_telephone_accepts_and_refuses_only(asked: Any, whose: str | None) -> None:
    assert rules.may_ask(asked, "own")
    assert rules.may_ask(asked, whose) == (asked == "promise")
    assert {*rules.KINDS["promise"].answers.values()} == {"accept", "refuse"}


def test_newer_question_about_the_same_replaces_the_older(client: Client, database: RolledBack) -> None:
    question = ask(database)
    with database.begin() as session:
        older = session.get_one(Question, question)
        names = (name for name in Asking.__dataclass_fields__ if name != "message_id")
        asking = Asking(message_id=new_id(), **{name: getattr(older, name) for name in names})  # type: ignore[arg-type]
        assert questions.open_question(session, asking, "tencent", ("",)) == ""
        assert questions.open_question(session, asking, "tencent", ("",)) == "", "a text that is sent again asks the same question"
    assert state_of(database, question)[0] == "replaced"
    reply(client, "1")
    assert [event.question_id == question for event in answered(database)] == [False]


def test_question_of_a_text_that_never_left_is_closed(database: RolledBack) -> None:
    question = ask(database)
    with database.begin() as session:
        message_id = session.scalars(select(Question.message_id)).one()
        questions.close_unsent(session, message_id)
    assert state_of(database, question)[0] == "unsent"


def test_questions_expire_by_themselves(database: RolledBack) -> None:
    question = ask(database)
    with database.begin() as session:
        session.execute(update(Question).values(expires_at=now()))
        questions.expire_questions(session)
    assert state_of(database, question)[0] == "expired"


def test_question_lasts_no_longer_than_its_deadline() -> None:
    at = now()
    assert rules.find_expiry("renewal", {"expires_at": (at + timedelta(hours=5)).isoformat()}, at) == at + timedelta(hours=5)
    assert rules.find_expiry("renewal", {"expires_at": (at + timedelta(days=50)).isoformat()}, at) == at + timedelta(days=7)
    assert rules.find_expiry("promise", {}, at) == at + timedelta(days=3)


def test_aliyun_passes_answers_on_in_lists(client: Client, database: RolledBack) -> None:
    question = ask(database)
    with database.begin() as session:
        session.execute(update(Question).values(provider="aliyun"))
    body = [{"phone_number": PHONE, "content": "2", "send_time": "2026-12-01 08:00:00", "dest_code": "1069", "sequence_id": 7}]
    for _ in range(2):
        answer = client.flask.post(f"/v1/messages/replies/aliyun/{KEYS['aliyun']}", json=body)
        assert (answer.status_code, answer.json) == (200, replies.READERS["aliyun"].answer)
    assert state_of(database, question) == ("answered", "refuse")
    assert len(answered(database)) == 1


def test_answer_counts_only_through_the_provider_that_asked(client: Client, database: RolledBack) -> None:
    question = ask(database)
    body = [{"phone_number": PHONE, "content": "2", "sequence_id": 7}]
    assert client.flask.post(f"/v1/messages/replies/aliyun/{KEYS['aliyun']}", json=body).status_code == 200
    assert (state_of(database, question), outcomes(database)) == (("open", None), ["unasked"])


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"mobile": 1}', '{"mobile": "1", "text": "1", "time": "x"}'])
def test_callback_that_cannot_be_read_changes_nothing(client: Client, database: RolledBack, body: str) -> None:
    ask(database)
    answer = client.flask.post(f"/v1/messages/replies/tencent/{KEYS['tencent']}", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert outcomes(database) == []


@pytest.mark.parametrize(("phone", "extend", "nation"), [("02887654321", "", "86"), (PHONE, "x", "86"), (PHONE, "", "852"), ("", "", "86")])
def test_callback_about_no_mobile_is_passed_over(database: RolledBack, phone: str, extend: str, nation: str) -> None:
    body = json.dumps({"extend": extend, "mobile": phone, "nationcode": nation, "sign": "", "text": "1", "time": 1})
    assert replies.read_tencent(body.encode()) == []


def test_erased_household_leaves_no_question(database: RolledBack) -> None:
    question = ask(database)
    with database.begin() as session:
        household = session.get_one(Question, question).recipient_id
    with database.begin() as session:
        messages.delete_messages_of(session, {household})
        assert session.scalars(select(Question)).all() == []


def test_person_hears_what_became_of_the_answer(database: RolledBack) -> None:
    person = new_id()
    judged = example(MatchAnswerJudged, question_id=new_id(), household_id=person, account_id=None, person_id=person, side="household")
    write_notices(database, judged)
    with database.begin() as session:
        [message] = session.scalars(select(Message))
    assert (message.channel, message.then, message.recipient_id, message.due_at) == ("sms", [], person, message.created_at)


def test_texts_that_ask_name_the_answers_they_take() -> None:
    asking = {one.asks: one for one in texts().values() if one.asks}
    for asked, short_text in asking.items():
        assert all(f"回复{digit}" in short_text.words["zh-CN"] for digit in rules.KINDS[asked].answers), short_text.name
    assert asking.keys() == rules.KINDS.keys()
