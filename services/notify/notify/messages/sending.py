"""The sender: fetches addresses, calls providers in threads, and notes each outcome. No transaction is open meanwhile."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from prometheus_client import Counter, Histogram
from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import Database, now
from chassis.data.encryption import fingerprint
from chassis.messaging.inbox import retry_on_database_errors
from chassis.ops import metrics
from notify.channels.entries import Entry, list_providers
from notify.channels.interface import NOT_FILED, Failure, Found, Letter, Provider, SendingError
from notify.messages import actions, rules
from notify.messages.actions import Claimed
from notify.messages.admission import admit, find_closure
from notify.messages.contacts import Contact, Door, DoorError
from notify.messages.letters import (
    LANGUAGE,
    address_of,
    write_code,
    write_follow_up,
    write_letter,
    write_push,
    write_question,
    write_wechat,
)
from notify.messages.queries import load_notices
from notify.model import Notice
from notify.preferences.actions import make_keys
from notify.preferences.queries import find_languages
from notify.questions import actions as questions
from notify.questions.actions import Asking
from notify.questions.model import Question
from notify.settings import SendingSettings
from notify.subscriptions.actions import forget
from notify.subscriptions.queries import find_subscriptions
from notify.templates.speaking import Speaker
from notify.wechat.actions import link_openid
from notify.wechat.queries import find_links

log = logging.getLogger("notify.send")
T = TypeVar("T")
OUTCOMES = ("taken", "delivered", "temporary-failure", "permanent-failure", "technical-failure", "doubtful", "withdrawn", "postponed")
BEATS = 3
"""How many times a lease is extended within its length."""
LANGUAGES_CHOSEN = (rules.EMAIL, rules.WECHAT)
"""Channels whose words are in the language that their reader chose. SMS are filed in Chinese; a browser has a language of its own."""
UNREMARKABLE = {"gone", "read", "no_address"}
"""Reasons that no operator has to know of: many people have neither a proven telephone nor an e-mail address."""
_OF_CODES = {
    "taken": "sent", "delivered": "sent", "temporary-failure": "failed", "postponed": "failed", "permanent-failure": "number_refused",
    "technical-failure": "provider_refused", "doubtful": "doubtful", "expired": "expired", "gone": "gone", "unconfigured": "unconfigured",
}  # fmt: skip
_MESSAGES = Counter(
    "duijie_messages_total", "Attempts at sending a message, by what became of each", ["service", "channel", "provider", "outcome"]
)
_PROVIDER_SECONDS = Histogram(
    "duijie_provider_seconds", "How long a provider took to answer", ["service", "provider"], buckets=metrics.SECONDS
)
_SMS = Counter(
    "duijie_sms_total",
    "Attempts at sending a code: sent, failed (repeated), expired, gone, refused, unconfigured, doubtful (nobody knows)",
    ["service", "outcome"],
)
_SECONDS = Histogram("duijie_sms_seconds", "From hearing of a code until the provider has taken it", ["service"], buckets=metrics.SECONDS)


@dataclass(frozen=True)
class Lane:
    """Messages that share threads. One that waits for its provider holds a thread, but no connection to the database."""

    priorities: Sequence[int]
    at_once: int


PEOPLE, ENDPOINTS = Lane(rules.TO_PEOPLE, 16), Lane(rules.TO_ENDPOINTS, 8)
"""Endpoints have a lane of their own: a receiver that never answers holds no code up."""


class EndpointBook(Protocol):
    """The addresses and contents of messages to endpoints, which the house itself keeps."""

    def write_letters(self, session: Session, claimed: Sequence[Claimed]) -> Mapping[UUID, Letter]:
        """Write the letters of these messages; one that nobody wants any more is left out."""
        ...


class GaveUpError(Exception):
    """The process ends while the database is away."""


@dataclass(frozen=True, repr=False)
class Ready:
    """A message with its letter. One that asks something has a plain letter too, for when no number is free to answer to.

    What follows a question leaves by its `provider`, to which the next answer goes. `begun` is when the attempt was recorded, by this
    process's own clock.
    """

    claimed: Claimed
    letter: Letter
    asking: Asking | None = None
    plain: Letter | None = None
    provider: str = ""
    begun: float = 0.0

    def suits(self, entry: Entry) -> bool:
        """Tell whether a provider may send this letter."""
        return entry.may_send(self.letter.text) and self.provider in {"", entry.name}


@dataclass(frozen=True)
class Seen:
    """The database's part of a batch: the notices of each message and their words, questions, by recipient the unsubscribing key
    and the chosen language, and until when all providers are closed."""

    notices: Mapping[UUID, Sequence[Notice]]
    questions: Mapping[UUID, Question]
    speaker: Speaker
    keys: Mapping[UUID, str]
    languages: Mapping[UUID, str]
    closed: datetime | None


class Sender:
    """Attempts at sending messages, each in a thread."""

    def __init__(
        self, service: str, database: Database, stopping: threading.Event, lane: Lane = PEOPLE, book: EndpointBook | None = None
    ) -> None:
        settings = SendingSettings.of_environment()
        self.lane, self._book = lane, book
        self._service, self._database, self._stopping = service, database, stopping
        self._entries = list_providers(settings, self._forget, self._link)
        self._door = Door(settings.users_url, settings.door) if settings.door else None
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(lane.at_once, "send")
        self._changed = threading.Condition()
        self._in_hand = 0
        self._calling: dict[UUID, int] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._keep_leases, name="leases", daemon=True).start()
        self._error: BaseException | None = None
        for outcome in sorted({*_OF_CODES.values()}):
            _SMS.labels(service, outcome)
        _SECONDS.labels(service)
        for entry in self._entries:
            _PROVIDER_SECONDS.labels(service, entry.name)
            for outcome in OUTCOMES:
                _MESSAGES.labels(service, entry.channel, entry.name, outcome)
        if lane is not ENDPOINTS and all(entry.channel in rules.ENDPOINT_CHANNELS for entry in self._entries):
            log.warning("no provider is set: codes and messages are not sent")

    @property
    def free(self) -> int:
        """The number of messages that may be taken in hand. Raises what a thread raised."""
        if self._error:
            raise self._error
        return self.lane.at_once - self._in_hand

    @property
    def is_busy(self) -> bool:
        """Tell whether too many messages are in hand to claim more."""
        return self.free <= self.lane.at_once // 4

    def wait(self, seconds: float) -> None:
        """Wait until a message is done with."""
        with self._changed:
            self._changed.wait(seconds)

    def take(self, claimed: Sequence[Claimed]) -> None:
        """Take messages in hand: codes one by one, since a person waits for each; notices together, since users is asked once for all."""
        with self._changed:
            self._in_hand += len(claimed)
        for batch in [*([one] for one in claimed if one.is_code), [one for one in claimed if not one.is_code]]:
            if batch:
                self._pool.submit(self._guarded, self._prepare, batch, len(batch))

    def close(self) -> None:
        """Finish what was begun."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_hand == 0 or self._error is not None, timeout=30)
        self._pool.shutdown()
        self._closed.set()
        if self._door:
            self._door.close()

    def _guarded(self, run: Callable[[T], int], about: T, held: int) -> None:
        """Run a step of `held` messages, which says how many of them are done with."""
        done = held
        try:
            done = run(about)
        except GaveUpError:
            log.warning("the database is away at the end: leases of messages run out")
        except BaseException as error:
            self._error = self._error or error
        finally:
            with self._changed:
                self._in_hand -= done
                self._changed.notify_all()

    def _prepare(self, batch: Sequence[Claimed]) -> int:
        """Give messages their words and addresses, and begin an attempt for each that may be sent; return how many ended before that."""
        left = 0
        for channel, endpoint_id in sorted({(one.channel, one.endpoint_id) for one in batch}, key=str):
            same = [one for one in batch if (one.channel, one.endpoint_id) == (channel, endpoint_id)]
            ready = self._write_letters(channel, same)
            ready = [resolved for one in ready if (resolved := self._resolve(one))]
            for entry, begun in self._begin(channel, ready):
                left += len(begun)
                for one in begun:
                    self._pool.submit(self._guarded, self._attempt, (entry, one), 1)
        return len(batch) - left

    def _write_letters(self, channel: str, batch: Sequence[Claimed]) -> list[Ready]:
        seen = self._commit(lambda session: self._look(session, channel, batch))
        if not self._providers(channel):
            return self._end(batch, "unconfigured")
        open_ones = [one for one in batch if not self._is_over(one, seen)]
        if seen.closed is not None:
            self._postpone(open_ones, seen.closed, "provider_closed")
            return []
        if open_ones and open_ones[0].endpoint_id:
            return self._address_endpoint(open_ones)
        if channel in rules.BESIDE:
            return self._address_beside(channel, open_ones, seen)
        try:
            return self._address(channel, open_ones, seen)
        except DoorError as error:
            at = now()
            for one in open_ones:
                again = rules.next_attempt(1, at, one.expires_at, is_code=one.is_code)
                self._postpone([one], again or one.expires_at, error.reason)
            return []

    def _look(self, session: Session, channel: str, batch: Sequence[Claimed]) -> Seen:
        """Read what is needed from the database in one transaction."""
        notices = load_notices(session, [one for one in batch if one.notice_id])
        asked = [one.question_id for one in batch if one.question_id]
        followed = {one.id: one for one in session.scalars(select(Question).where(Question.id.in_(asked)))} if asked else {}
        speaker = Speaker.of(session, [notice for found in notices.values() for notice in found])
        closed = find_closure(session, [batch[0].account_at(entry.name) for entry in self._providers(channel)])
        recipients = {one.recipient_id for one in batch if one.recipient_id}
        keys = make_keys(session, recipients) if channel == rules.EMAIL and self._providers(channel) else {}
        languages = find_languages(session, recipients) if channel in LANGUAGES_CHOSEN else {}
        session.expunge_all()
        return Seen(notices, followed, speaker, keys, languages, closed)

    def _is_over(self, one: Claimed, seen: Seen) -> bool:
        """End a message that nobody needs any more; tell whether it ended."""
        notices = seen.notices.get(one.id, [])
        if one.is_code and one.expires_at <= now():
            self._end_code(one, "expired")
        elif (one.notice_id and not notices) or (one.question_id and one.question_id not in seen.questions):
            self._withdraw(one, "gone")
        elif notices and all(notice.read_at is not None for notice in notices):
            self._withdraw(one, "read")
        else:
            return False
        return True

    def _address_beside(self, channel: str, batch: Sequence[Claimed], seen: Seen) -> list[Ready]:
        """Write the letters to browsers and WeChat users, whom the house itself knows; withdraw those of recipients who left."""
        letters = self._commit(lambda session: self._write_beside(session, channel, batch, seen))
        for one in batch:
            if one.id not in letters:
                self._withdraw(one, "gone")
        return [Ready(one, letters[one.id]) for one in batch if one.id in letters]

    def _write_beside(self, session: Session, channel: str, batch: Sequence[Claimed], seen: Seen) -> dict[UUID, Letter]:
        recipients = {one.recipient_id for one in batch if one.recipient_id}
        browsers = find_subscriptions(session, recipients) if channel == rules.PUSH else {}
        links = find_links(session, recipients) if channel == rules.WECHAT else {}
        letters = {}
        for one in batch:
            notice = next(iter(seen.notices.get(one.id, ())), None)
            letter = None
            if one.recipient_id in browsers and notice:
                letter = write_push(one, notice, browsers[one.recipient_id])
            elif one.recipient_id in links:
                letter = write_wechat(one, notice, links[one.recipient_id], seen.languages.get(one.recipient_id, LANGUAGE))
            if letter:
                letters[one.id] = letter
        return letters

    def _forget(self, ids: Collection[UUID]) -> None:
        """Forget browsers that their push service does not know any more."""
        self._commit(lambda session: forget(session, ids))

    def _link(self, message_id: UUID, openid: str) -> None:
        """Note the openid that a code was exchanged for."""
        self._commit(lambda session: link_openid(session, message_id, openid))

    def _address(self, channel: str, batch: Sequence[Claimed], seen: Seen) -> list[Ready]:
        """Write the letters of messages whose recipients have an address. Raises `DoorError`."""
        assert self._door
        contacts: dict[UUID, Contact] = {}
        if recipients := sorted({one.recipient_id for one in batch if one.recipient_id}):
            contacts = dict(self._door.fetch_contacts(recipients))
        ready = []
        for one in batch:
            if one.code_id:
                if code := self._door.fetch_code(one.code_id):
                    ready.append(Ready(one, write_code(one, code, rules.minutes_left(now(), one.expires_at))))
                else:
                    self._end_code(one, "gone")
            elif one.recipient_id:
                contact = contacts.get(one.recipient_id)
                if not (to := address_of(contact, channel)):
                    self._fail(one, "permanent-failure", "no_address")
                elif one.question_id:
                    ready += self._follow_up(one, seen.questions[one.question_id], to)
                elif contact:
                    ready.append(self._write_notices(one, seen, contact, to))
        return ready

    def _follow_up(self, one: Claimed, question: Question, to: str) -> list[Ready]:
        """Write the text that follows an answer. It goes to the telephone that was asked, or nowhere."""
        if fingerprint(to) != question.phone:
            self._withdraw(one, "other_telephone")
            return []
        return [Ready(one, write_follow_up(one, question, to), provider=question.provider)]

    def _write_notices(self, one: Claimed, seen: Seen, contact: Contact, to: str) -> Ready:
        """Write the letter of a message, and the one that asks for an answer where there is one to ask for."""
        unread = [notice for notice in seen.notices[one.id] if notice.read_at is None]
        key = seen.keys.get(contact.id)

        def is_filed(text: str) -> bool:
            return any(entry.may_send(text) for entry in self._providers(one.channel))

        language = seen.languages.get(contact.id, LANGUAGE)
        plain = write_letter(one, unread, seen.speaker, to, key, contact.whose, is_filed, language)
        asks = write_question(one, unread[0], seen.speaker, contact, is_filed) if len(unread) == 1 else None
        return Ready(one, asks[0], asks[1], plain) if asks else Ready(one, plain)

    def _address_endpoint(self, batch: Sequence[Claimed]) -> list[Ready]:
        """Write the letters to an endpoint."""
        assert self._book
        book = self._book
        letters = self._commit(lambda session: book.write_letters(session, batch))
        for one in batch:
            if one.id not in letters:
                self._withdraw(one, "gone")
        return [Ready(one, letters[one.id]) for one in batch if one.id in letters]

    def _resolve(self, ready: Ready) -> Ready | None:
        """Ask the provider about the attempt of a process that died; return the message if it has to be sent now."""
        claimed = ready.claimed
        if claimed.open_attempt is None:
            return ready
        entry = next((one for one in self._entries if one.name == claimed.open_attempt.provider), None)
        found: Found = "unknown"
        if entry is not None:
            try:
                found = self._provider(entry).find(ready.letter, claimed.open_attempt.begun_at)
            except SendingError as error:
                if error.outcome == "temporary-failure" and claimed.expires_at > now():
                    again = rules.next_attempt(claimed.attempts, now(), claimed.expires_at, is_code=claimed.is_code)
                    self._postpone([claimed], again or claimed.expires_at, error.reason)
                    return None
        if found == "taken" and entry and not entry.reports:
            found = "delivered"
        going_on = self._commit(lambda session: actions.resolve(session, claimed, found))
        if found == "unknown":
            self._count(claimed, claimed.open_attempt.provider, "doubtful", None)
        if going_on is None:
            return None
        if going_on.expires_at <= now():
            self._fail(going_on, "temporary-failure", "expired")
            return None
        return replace(ready, claimed=going_on)

    def _begin(self, channel: str, ready: list[Ready]) -> list[tuple[Entry, list[Ready]]]:
        """Record an attempt for as many messages as providers may get now, and put the others back."""
        found: list[tuple[Entry, list[Ready]]] = []
        again: datetime | None = None
        for entry in self._providers(channel):
            if not ready:
                break
            fitting = [one for one in ready if one.suits(entry)]
            if not fitting:
                continue
            begun, retry_at = self._commit(partial(self._admit, entry=entry, ready=fitting))
            again = min(again, retry_at) if again and retry_at else again or retry_at
            found.append((entry, begun))
            done = {one.claimed.id for one in (begun if retry_at else fitting)}
            ready = [one for one in ready if one.claimed.id not in done]
        for one in [one for one in ready if not any(one.suits(entry) for entry in self._providers(channel))]:
            ready.remove(one)
            self._fail(one.claimed, "technical-failure", f"{NOT_FILED}{one.letter.text}")
        if ready and again:
            self._postpone([one.claimed for one in ready], again, "provider_busy")
        return found

    def _admit(self, session: Session, entry: Entry, ready: list[Ready]) -> tuple[list[Ready], datetime | None]:
        are_codes = all(one.claimed.is_code for one in ready)
        account = ready[0].claimed.account_at(entry.name)
        admitted, again = admit(session, account, entry.allowance, len(ready), are_codes=are_codes)
        chosen = {one.claimed.id: one for one in ready[:admitted]}
        begun = actions.begin(session, [one.claimed for one in chosen.values()], entry.name) if chosen else []
        at = time.monotonic()
        return [self._ask(session, entry, replace(chosen[one.id], claimed=one, begun=at)) for one in begun], again

    def _ask(self, session: Session, entry: Entry, ready: Ready) -> Ready:
        """Open the question of a letter that asks one, before it leaves. While no number is free, the letter asks nothing."""
        if ready.asking is None or ready.plain is None:
            return ready
        extension = questions.open_question(session, ready.asking, entry.name, entry.extensions)
        return Ready(ready.claimed, ready.plain if extension is None else replace(ready.letter, extension=extension), begun=ready.begun)

    def _attempt(self, about: tuple[Entry, Ready]) -> int:
        """Call the provider and note the outcome."""
        entry, ready = about
        claimed = ready.claimed
        if not self._still_holds(ready):
            return 1
        outcome: actions.Outcome
        reason = number = retry_at = None
        with self._changed:
            self._calling[claimed.id] = claimed.attempts
        try:
            with _PROVIDER_SECONDS.labels(self._service, entry.name).time():
                receipt = self._provider(entry).send(ready.letter)
                outcome, number = receipt.outcome if entry.reports else "delivered", receipt.number
        except SendingError as error:
            outcome, reason, retry_at = error.outcome, error.reason, error.retry_at
        finally:
            with self._changed:
                self._calling.pop(claimed.id, None)
        self._commit(lambda session: actions.note_outcome(session, claimed, entry.name, outcome, reason, number, retry_at))
        self._count(claimed, entry.name, outcome, reason)
        if claimed.is_code and claimed.channel == rules.SMS and outcome in {"taken", "delivered"}:
            _SECONDS.labels(self._service).observe((now() - claimed.created_at).total_seconds())
        return 1

    def _still_holds(self, ready: Ready) -> bool:
        """Tell whether an attempt that begins late is still this process's. One that stood still may have been taken over meanwhile."""
        if time.monotonic() - ready.begun < actions.LEASE.total_seconds() / BEATS:
            return True
        attempt = {ready.claimed.id: ready.claimed.attempts}
        return bool(self._commit(lambda session: actions.extend_leases(session, attempt)))

    def _keep_leases(self) -> None:
        """Extend the leases of messages that providers take their time with: a second process would send them again."""
        while not self._closed.wait(actions.LEASE.total_seconds() / BEATS):
            with self._changed:
                calling = dict(self._calling)
            try:
                if calling:
                    self._commit(partial(actions.extend_leases, attempts=calling))
            except GaveUpError:
                return
            except BaseException as error:
                self._error = self._error or error
                return

    def _provider(self, entry: Entry) -> Provider:
        if not hasattr(self._own, entry.name):
            setattr(self._own, entry.name, entry.make())
        provider: Provider = getattr(self._own, entry.name)
        return provider

    def _providers(self, channel: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.channel == channel]

    def _end(self, batch: Sequence[Claimed], reason: str) -> list[Ready]:
        for one in batch:
            self._fail(one, "technical-failure", reason)
        return []

    def _withdraw(self, one: Claimed, reason: str) -> None:
        self._commit(lambda session: actions.withdraw(session, one, reason))
        self._count(one, "", "withdrawn", reason)

    def _end_code(self, one: Claimed, reason: str) -> None:
        """End a code that may not be sent any more. If a process died with it, nobody can tell whether it left."""
        if one.open_attempt is None:
            self._withdraw(one, reason)
        else:
            self._commit(lambda session: actions.resolve(session, one, "unknown", reason))
            self._count(one, one.open_attempt.provider, "doubtful", None)

    def _fail(self, one: Claimed, outcome: Failure, reason: str) -> None:
        self._commit(lambda session: actions.fail(session, one, outcome, reason))
        self._count(one, "", outcome, reason)

    def _postpone(self, batch: Sequence[Claimed], until: datetime, reason: str) -> None:
        waiting = [one for one in batch if one.expires_at > now()]
        self._commit(lambda session: actions.postpone(session, waiting, until, reason))
        for one in waiting:
            self._count(one, "", "postponed", reason)
        for one in batch:
            if one not in waiting:
                self._fail(one, "temporary-failure", reason)

    def _count(self, one: Claimed, provider: str, outcome: str, reason: str | None) -> None:
        _MESSAGES.labels(self._service, one.channel, provider, outcome).inc()
        if one.is_code and one.channel == rules.SMS:
            _SMS.labels(self._service, _OF_CODES.get(reason or "", "") or _OF_CODES[outcome]).inc()
        if outcome not in {"taken", "delivered"} and reason not in UNREMARKABLE:
            log.warning(
                f"a message was not sent: {outcome}",
                extra={
                    "message_id": str(one.id),
                    "code_id": str(one.code_id) if one.code_id else None,
                    "kind": one.kind,
                    "reason": reason,
                    "attempt": one.attempts,
                },
            )

    def _commit(self, act: Callable[[Session], T]) -> T:
        """Run a transaction, again after trouble of the database."""
        found: list[T] = []

        def run() -> None:
            found.clear()
            with self._database.begin() as session:
                found.append(act(session))

        if not retry_on_database_errors(run, giving_up=self._stopping.is_set, pause=self._stopping.wait):
            raise GaveUpError
        return found[0]
