"""Manners: quiet hours in the person's time, the cap of SMS, and digests, judged when a message is about to leave."""

import re
import signal
import subprocess
import sys
import time as clock
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from chassis.data.database import Database, new_id, now
from chassis.testing.fixtures import RolledBack, administrator_of
from chassis.testing.twins import altered, altered_sql, unguarded
from contracts.matching import MatchAccepted, MatchProposed, MatchRefused
from notify import actions as notices_actions
from notify.messages import actions, letters, manners, planning, queries
from notify.messages.actions import Claimed
from notify.messages.model import Message
from notify.model import Notice
from notify.preferences import actions as preferences
from notify.preferences import rules
from notify.preferences.model import Preferences
from notify.preferences.queries import default_preferences, find_manners
from notify.preferences.rules import DEFAULT, Hold, Manners, find_hold, quiet_until
from notify.subscriptions.model import PushSubscription
from notify.templates.speaking import Speaker

from .conftest import example, write_notices

VILLAGE, IN_XINJIANG = "510903100208", "650102001001"


def in_china(hour: int, minute: int = 0, day: int = 1) -> datetime:
    """A moment of March 2026, by the clocks of Beijing."""
    return datetime(2026, 3, day, hour, minute, tzinfo=rules.ZONES["Asia/Shanghai"])


ACROSS = unguarded(
    ("clock >= manners.since or clock < manners.until if is_across_midnight else manners.since <= clock < manners.until",
     "manners.since <= clock < manners.until"),
    "without it, quiet hours across midnight never hold",
)  # fmt: skip
IN_ZONE = unguarded(("at.astimezone(ZONES[manners.zone])", "at.astimezone(ZONES[CHINA])"), "without it, Xinjiang is woken two hours early")


@pytest.mark.parametrize("change", [None, ACROSS])
def test_quiet_hours_reach_across_midnight(monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None) -> None:
    judge = altered(quiet_until, *change) if change else quiet_until
    ends = [
        judge(DEFAULT, at)
        for at in (in_china(21, 59), in_china(22), in_china(23, 59), in_china(0, 0, 2), in_china(6, 59, 2), in_china(7, 0, 2))
    ]
    assert ends == [None, in_china(7, 0, 2), in_china(7, 0, 2), in_china(7, 0, 2), in_china(7, 0, 2), None]


@pytest.mark.parametrize("change", [None, IN_ZONE])
def test_quiet_hours_are_those_of_the_person_s_clock(change: tuple[str, str] | None) -> None:
    judge = altered(quiet_until, *change) if change else quiet_until
    there = Manners(zone="Asia/Urumqi")
    assert judge(there, in_china(8)) == in_china(9), "at 6 in Urumqi it is 8 in Beijing"
    assert judge(there, in_china(23)) is None


def test_quiet_hours_of_one_day_and_none_at_all() -> None:
    siesta = Manners(since=time(12), until=time(14))
    assert [quiet_until(siesta, in_china(hour)) for hour in (11, 12, 13, 14)] == [None, in_china(14), in_china(14), None]
    assert quiet_until(Manners(since=None, until=None), in_china(3)) is None
    assert quiet_until(Manners(since=time(0), until=time(0, 1)), in_china(0)) == in_china(0, 1)


def test_urgent_kind_passes_unless_the_person_sleeps_well() -> None:
    night = in_china(3)
    assert find_hold(DEFAULT, "sms", night, is_urgent=True, sms_today=99) is None
    asleep = Manners(urgent_passes=False)
    assert find_hold(asleep, "sms", night, is_urgent=True, sms_today=0) == Hold("quiet_hours", in_china(7))
    assert find_hold(asleep, "sms", in_china(9), is_urgent=True, sms_today=99) is None, "the cap does not hold it"


def test_capped_sms_waits_for_the_next_morning() -> None:
    hold = find_hold(DEFAULT, "sms", in_china(9), is_urgent=False, sms_today=DEFAULT.sms_per_day)
    assert hold == Hold("daily_cap", in_china(7, 0, 2))
    assert find_hold(DEFAULT, "sms", in_china(9), is_urgent=False, sms_today=DEFAULT.sms_per_day - 1) is None
    assert find_hold(DEFAULT, "email", in_china(9), is_urgent=False, sms_today=99) is None
    restless = Manners(since=None, until=None)
    assert find_hold(restless, "sms", in_china(9), is_urgent=False, sms_today=3) == Hold("daily_cap", in_china(0, 0, 2))


def test_digest_is_due_at_eight_outside_of_quiet_hours() -> None:
    assert [rules.digest_due(DEFAULT, in_china(hour)) for hour in (7, 8, 9)] == [in_china(8), in_china(8, 0, 2), in_china(8, 0, 2)]
    assert rules.digest_due(Manners(until=time(9, 30)), in_china(7)) == in_china(9, 30)
    assert rules.digest_due(Manners(zone="Asia/Urumqi"), in_china(7)) == in_china(10)


def test_region_decides_the_time_unless_one_is_chosen(database: RolledBack) -> None:
    official, settler, household, giver = administrator_of(database, IN_XINJIANG[:6]).id, new_id(), new_id(), new_id()
    prefer(database, settler, time_zone="Asia/Shanghai")
    with database.begin() as session:
        found = find_manners(session, {official: None, settler: IN_XINJIANG, household: IN_XINJIANG, giver: None})
    zones = {official: "Asia/Urumqi", settler: "Asia/Shanghai", household: "Asia/Urumqi", giver: "Asia/Shanghai"}
    assert {one: manners.zone for one, manners in found.items()} == zones


def prefer(database: Any, recipient_id: UUID, **values: Any) -> None:
    with database.begin() as session:
        row = default_preferences(recipient_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.merge(row)


def messages(database: Any) -> list[Message]:
    with database.begin() as session:
        return list(session.scalars(select(Message).order_by(Message.id).execution_options(populate_existing=True)))


def tell_household(database: Any, household_id: UUID, kind: Any = MatchRefused, number: int = 1, region: str = VILLAGE) -> None:
    """Tell a household without an account that a match was refused, which is not urgent, or accepted, which is."""
    for _ in range(number):
        with database.begin() as session:
            event = example(kind, match_id=new_id(), household_id=household_id, account_id=None, region=region)
            notices_actions.write_notices(session, [event])
            session.execute(Message.__table__.delete().where(Message.recipient_id != household_id))


def take(database: Any, monkeypatch: pytest.MonkeyPatch, at: datetime | None = None, limit: int = 100) -> list[Claimed]:
    """Claim what is due, as if it were `at`, and hold back what may not leave then."""
    if at:
        monkeypatch.setattr(manners, "now", lambda: at)
    with database.begin() as session:
        return manners.hold(session, actions.claim(session, limit))


def today(hour: int) -> datetime:
    """This hour of tomorrow in China: what is held until a later time is not due yet."""
    return (now() + timedelta(days=1)).astimezone(rules.ZONES["Asia/Shanghai"]).replace(hour=hour, minute=0, second=0, microsecond=0)


QUIET = unguarded(("end_of_quiet and not", "False and not"), "without it, people are woken at night")
PASSES = unguarded(("not (is_urgent and manners.urgent_passes)", "True"), "without it, urgent notices wait until the morning")


@pytest.mark.parametrize("change", [None, QUIET, PASSES])
def test_only_what_is_urgent_leaves_at_night(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    if change:
        monkeypatch.setattr(manners, "find_hold", altered(find_hold, *change))
    household = new_id()
    tell_household(database, household)
    tell_household(database, household, MatchAccepted)
    assert [one.kind for one in take(database, monkeypatch, today(23))] == ["match_accepted"]
    [held, _] = messages(database)
    assert (held.state, held.reason, held.due_at, held.attempts) == ("created", "quiet_hours", today(7) + timedelta(days=1), 0)
    assert take(database, monkeypatch) == [], "it is not due before"
    with database.begin() as session:
        session.execute(update(Message).where(Message.id == held.id).values(due_at=now()))
    assert [one.id for one in take(database, monkeypatch, today(7) + timedelta(days=1))] == [held.id]


BESIDE = unguarded(("one.channel in CHANNELS", "one.channel in CHANNELS[:2]"), "without it, a push wakes somebody at night")


@pytest.mark.parametrize("change", [None, BESIDE])
def test_push_waits_for_the_morning_and_a_link_does_not(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    if change:
        monkeypatch.setattr(manners, "hold", altered(manners.hold, *change))
    person = new_id()
    browser = {"fingerprint": b"f", "endpoint": "https://push.example.org/x", "public_key": "k", "auth": "a", "language": "zh-CN"}
    with database.begin() as session:
        session.add(PushSubscription(id=new_id(), account_id=person, created_at=now(), **browser))
    write_notices(database, example(MatchRefused, match_id=new_id(), pledger_id=person))
    with database.begin() as session:
        planning.plan_linking(session, person)
    assert [one.kind for one in take(database, monkeypatch, today(23))] == ["wechat_link"]
    [held] = [one for one in messages(database) if one.channel == "push"]
    assert (held.state, held.reason) == ("created", "quiet_hours")


CAP = unguarded(("sms_today >= manners.sms_per_day", "False"), "without it, somebody gets twenty SMS in a day")


@pytest.mark.parametrize("change", [None, CAP])
def test_no_more_sms_leave_in_a_day_than_the_cap(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    if change:
        monkeypatch.setattr(manners, "find_hold", altered(find_hold, *change))
    household, other = new_id(), new_id()
    tell_household(database, household, number=5)
    assert len(take(database, monkeypatch, today(9))) == 3
    assert sorted((one.state, one.reason) for one in messages(database)) == [("created", "daily_cap")] * 2 + [("sending", None)] * 3
    tell_household(database, other)
    assert [one.recipient_id for one in take(database, monkeypatch)] == [other]


SENT = ("outcome IS NULL OR outcome IN ('taken', 'delivered', 'doubtful')", "false")
IN_HAND = ("settled_at IS NULL AND taken_at IS NULL AND state = 'sending'", "false")


@pytest.mark.parametrize(
    ("in_hand", "change"),
    [
        (False, None),
        (True, None),
        pytest.param(False, SENT, marks=unguarded(None, "without it, only what is in hand counts").marks),
        pytest.param(True, IN_HAND, marks=unguarded(None, "without it, what others send does not count").marks),
    ],
)
def test_cap_counts_what_left_today_and_is_leaving(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, in_hand: bool, change: Any
) -> None:
    if change:
        monkeypatch.setattr(manners, "_COUNT", altered_sql(manners._COUNT, *change))
    household = new_id()
    prefer(database, household, sms_per_day=1, quiet_since=None, quiet_until=None)
    tell_household(database, household, MatchAccepted)
    [urgent] = take(database, monkeypatch)
    if not in_hand:
        with database.begin() as session:
            [begun] = actions.begin(session, [urgent], "aliyun")
            actions.note_outcome(session, begun, "aliyun", "delivered")
    tell_household(database, household)
    assert take(database, monkeypatch) == []
    assert [one.reason for one in messages(database) if one.kind == "match_refused"] == ["daily_cap"]


def test_failed_sms_does_not_count_against_the_cap(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    household = new_id()
    prefer(database, household, sms_per_day=1, quiet_since=None, quiet_until=None)
    tell_household(database, household)
    [first] = take(database, monkeypatch)
    with database.begin() as session:
        [begun] = actions.begin(session, [first], "aliyun")
        actions.note_outcome(session, begun, "aliyun", "permanent-failure")
    tell_household(database, household)
    assert len(take(database, monkeypatch)) == 1


def test_message_held_beyond_its_time_takes_the_next_channel(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    household = new_id()
    prefer(database, household, sms_per_day=0, quiet_since=None, quiet_until=None)
    tell_household(database, household)
    assert take(database, monkeypatch) == []
    with database.begin() as session:
        session.execute(update(Message).values(due_at=now(), expires_at=now()))
    assert take(database, monkeypatch) == []
    sms, listed = messages(database)
    assert (sms.state, sms.reason, listed.channel) == ("temporary-failure", "daily_cap", "work_list")


OPEN = unguarded(" and one.open_attempt is None", "without it, an attempt that perhaps left is never asked about before it is repeated")


@pytest.mark.parametrize("change", [None, OPEN])
def test_attempt_of_a_dead_process_is_not_held(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    hold = altered(manners.hold, change) if change else manners.hold
    tell_household(database, new_id())
    with database.begin() as session:
        actions.begin(session, actions.claim(session, 1), "aliyun")
        session.execute(update(Message).values(due_at=now() - timedelta(seconds=1)))
    monkeypatch.setattr(manners, "now", lambda: today(23))
    with database.begin() as session:
        assert len(hold(session, actions.claim(session, 1))) == 1


def test_unwanted_channel_gives_way_to_the_next_wanted_one(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    account, household = new_id(), new_id()
    event = example(MatchAccepted, match_id=new_id(), household_id=household, account_id=account)
    write_notices(database, event)
    prefer(database, account, silenced=["match_accepted.sms"])
    taken = take(database, monkeypatch, today(9))
    assert account not in {one.recipient_id for one in taken}
    mine = [one for one in messages(database) if one.recipient_id == account]
    assert [(one.channel, one.state, one.reason) for one in mine] == [("sms", "withdrawn", "unwanted"), ("email", "created", None)]
    prefer(database, account, silenced=["*.sms", "*.email"])
    assert take(database, monkeypatch) == []
    assert {one.channel for one in messages(database) if one.recipient_id == account} == {"sms", "email"}, "the app tells them"


def test_household_that_stops_sms_is_told_by_its_village(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    household = new_id()
    tell_household(database, household)
    with database.begin() as session:
        assert preferences.unsubscribe(session, household, "sms")
        assert not preferences.unsubscribe(session, household, "sms"), "a second time changes nothing"
    assert take(database, monkeypatch, today(9)) == []
    assert [(one.channel, one.state) for one in messages(database)] == [("sms", "withdrawn"), ("work_list", "created")]
    tell_household(database, household)
    later = messages(database)[-1]
    assert (later.channel, later.due_at > now() + timedelta(days=80)) == ("work_list", True), "what comes later goes there at once"


def test_preferences_choose_the_channels_of_new_messages(database: RolledBack) -> None:
    quiet, mails_only = new_id(), new_id()
    prefer(database, quiet, silenced=["*.sms", "*.email"])
    prefer(database, mails_only, silenced=["match_proposed.sms"])
    write_notices(database, *(example(MatchProposed, match_id=new_id(), pledger_id=one) for one in (quiet, mails_only)))
    assert [(one.recipient_id, one.channel) for one in messages(database) if one.recipient_id in {quiet, mails_only}] == [
        (mails_only, "email")
    ]


# Digests


def tell_givers(database: Any, givers: Sequence[UUID], number: int) -> None:
    """Tell each giver of so many matches that they refused, which is not urgent; make the digest due."""
    events = [example(MatchRefused, match_id=new_id(), pledger_id=giver) for giver in givers for _ in range(number)]
    with database.begin() as session:
        notices_actions.write_notices(session, events)
        others = select(Notice.id).where(Notice.side != "giver")
        session.execute(Message.__table__.delete().where(Message.notice_id.in_(others)))
    make_due(database)


def make_due(database: Any) -> None:
    with database.begin() as session:
        session.execute(update(Message).where(Message.settled_at.is_(None)).values(due_at=now() - timedelta(seconds=1)))


def gather(database: Any) -> int:
    with database.begin() as session:
        return manners.gather(session)


def digests(database: Any) -> dict[UUID, list[tuple[str, str | None]]]:
    """The state of each recipient's messages, in their order."""
    found: dict[UUID, list[tuple[str, str | None]]] = {}
    for one in messages(database):
        assert one.recipient_id
        found.setdefault(one.recipient_id, []).append((one.state, one.reason))
    return found


def test_digest_gathers_what_is_not_urgent_into_one(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    giver, alone = new_id(), new_id()
    tell_givers(database, [giver], 3)
    tell_givers(database, [alone], 1)
    assert take(database, monkeypatch, today(9)) == [], "nothing leaves before it is gathered"
    assert gather(database) == 4
    assert gather(database) == 0
    assert digests(database) == {giver: [("created", None)] + [("withdrawn", "gathered")] * 2, alone: [("created", None)]}
    taken = {one.recipient_id: one for one in take(database, monkeypatch)}
    assert taken.keys() == {giver, alone}
    assert (taken[giver].digest_id, taken[alone].digest_id) == (taken[giver].id, None), "one by itself is no digest"
    with database.begin() as session:
        found = queries.load_notices(session, [*taken.values()])
        assert [len(found[taken[one].id]) for one in (giver, alone)] == [3, 1]
        letter = letters.write_letter(
            taken[giver], found[taken[giver].id], Speaker.of(session, found[taken[giver].id]), "mei@example.net", "key"
        )
    assert (letter.title, letter.text, letter.unsubscribing_key) == ("您有 3 条未读通知", "news", "key")
    assert letter.body.count("已记下您的答复") == 3
    assert letter.body.startswith("1. ")
    with database.begin() as session:
        read = found[taken[giver].id]
        letter = letters.write_letter(taken[giver], read, Speaker.of(session, read), "mei@example.net", "key", language="en")
    assert (letter.language, letter.title) == ("en", "You have 3 unread notices")
    assert not re.search("[一-鿿]", letter.body), "a letter is in one language"


def test_digest_leaves_out_what_was_read_meanwhile(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    giver = new_id()
    tell_givers(database, [giver], 3)
    with database.begin() as session:
        first, second = session.scalars(select(Notice.id).where(Notice.recipient_id == giver).order_by(Notice.id).limit(2))
        session.execute(update(Notice).where(Notice.id == first).values(read_at=now()))
    gather(database)
    assert sorted(digests(database)[giver]) == [("created", None), ("withdrawn", "gathered"), ("withdrawn", "read")]
    assert second


def test_whoever_wants_no_digest_gets_each_by_itself(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    giver = new_id()
    prefer(database, giver, digest="never")
    tell_givers(database, [giver], 2)
    assert gather(database) == 0
    assert len(take(database, monkeypatch, today(9))) == 2


def test_failed_digest_lists_each_notice_for_the_village(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    account, household = new_id(), new_id()
    for _ in range(2):
        write_notices(database, example(MatchRefused, match_id=new_id(), household_id=household, account_id=account))
    with database.begin() as session:
        session.execute(Message.__table__.delete().where(Message.recipient_id != account))
    make_due(database)
    gather(database)
    for channel in ("email", "sms"):
        [digest] = take(database, monkeypatch, today(9))
        assert (digest.channel, digest.digest_id is not None) == (channel, True)
        with database.begin() as session:
            actions.fail(session, digest, "permanent-failure", "no_address")
    listed = [one for one in messages(database) if one.channel == "work_list"]
    assert len({one.notice_id for one in listed}) == len(listed) == 2
    assert {one.digest_id for one in listed} == {None}


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("notify", "notify_manners"), name="manners", lock_timeout_ms=20_000)
    yield database
    with database.begin() as session:
        session.execute(text("TRUNCATE endpoint_deliveries, messages, attempts, notices, preferences"))
    database.close()


def waiting(database: Database, number: int) -> None:
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    deadline = clock.monotonic() + 20
    while True:
        with database.begin() as session:
            if session.scalar(asked) == number:
                return
        assert clock.monotonic() < deadline, "nobody waits for a lock"
        clock.sleep(0.01)


ROWS = unguarded("FOR UPDATE OF messages", "without it, two processes gather the same messages twice")
PEOPLE = unguarded(
    "SELECT DISTINCT recipient_id FROM (\n            SELECT recipient_id",
    "without it, a batch that ends between two messages makes two digests",
)


@pytest.mark.parametrize("change", [None, ROWS])
def test_two_processes_gather_each_message_once(real: Database, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(manners, "_GATHER", altered_sql(manners._GATHER, change))
    tell_givers(real, [new_id()], 3)
    with ThreadPoolExecutor(1) as pool:
        with real.begin() as session:
            assert manners.gather(session) == 3
            second = pool.submit(gather, real)
            waiting(real, 1)
        assert second.result() == 0


KILLED = """
import sys, time
from chassis.data.database import Database
from notify.messages import manners
with Database(sys.argv[1], name="killed").begin() as session:
    print(manners.gather(session), flush=True)
    time.sleep(60)
"""


def test_digest_is_made_once_though_killed_in_the_middle(real: Database) -> None:
    givers = [new_id() for _ in range(20)]
    tell_givers(real, givers, 3)
    address = real.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", KILLED, address], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "60\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert {state for states in digests(real).values() for state in states} == {("created", None)}, "nothing was gathered"
    assert gather(real) == 60
    assert gather(real) == 0
    assert [digests(real)[one] for one in givers] == [[("created", None)] + [("withdrawn", "gathered")] * 2] * 20


def test_batch_never_ends_between_two_messages_of_a_person(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manners, "GATHERED_AT_ONCE", 2)
    givers = [new_id() for _ in range(2)]
    tell_givers(database, givers, 3)
    while gather(database):
        pass
    assert [digests(database)[one] for one in givers] == [[("created", None)] + [("withdrawn", "gathered")] * 2] * 2


ALONE = unguarded('session.execute(_LOCK, {"recipient": str(recipient)})', "without it, two processes exceed the cap together")


@pytest.mark.parametrize("change", [None, ALONE])
def test_two_processes_keep_the_cap_together(real: Database, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    if change:
        monkeypatch.setattr(manners, "_count_sms", altered(manners._count_sms, change, "pass"))
    household = new_id()
    prefer(real, household, sms_per_day=1, quiet_since=None, quiet_until=None)
    tell_household(real, household, number=2)

    def take_one(session: Session) -> int:
        return len(manners.hold(session, actions.claim(session, 1)))

    def take_another() -> int:
        with real.begin() as session:
            return take_one(session)

    with ThreadPoolExecutor(1) as pool:
        with real.begin() as session:
            assert take_one(session) == 1
            second = pool.submit(take_another)
            clock.sleep(0.5)
        assert second.result() == 0


def test_erased_person_s_preferences_are_deleted(database: RolledBack) -> None:
    gone, stays = new_id(), new_id()
    for one in (gone, stays):
        prefer(database, one)
    with database.begin() as session:
        preferences.make_keys(session, [gone, stays])
        preferences.delete_preferences(session, [gone])
        assert session.scalars(select(Preferences.recipient_id)).all() == [stays]
        assert [*preferences.make_keys(session, [stays])] == [stays]
