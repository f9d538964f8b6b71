"""Simultaneous requests, on a database that commits."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.data.encryption import fingerprint
from chassis.testing.fixtures import Client, administrator_of
from chassis.testing.simultaneous import PATIENCE_SECONDS, WAITING, meet_at_lock
from chassis.testing.twins import altered, unguarded
from users.accounts import passwords
from users.appointments import actions as appointments
from users.codes import actions as code_actions
from users.consents import actions as consents
from users.consents.texts import load_texts
from users.holders import actions as holders
from users.places import queries as places
from users.proofs.actions import phones
from users.sessions import actions as sessions
from users.sessions.tokens import SigningKeys
from users.throttling import actions as throttling

from .conftest import VILLAGE, client_of, code_of, donor, enter_account, household, person_of, phone, wrong_code_of


@pytest.fixture(scope="module")
def committed(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", "users_at_once"), name="tests")
    yield database
    database.close()


def at_once(committed: Database, signing: SigningKeys, count: int, act: Callable[[Client, int], Any]) -> list[Any]:
    # Each thread calls its own application, made beforehand: Python 3.11 compiles routes in one thread at a time only.
    clients = [client_of(committed, signing) for _ in range(count)]
    barrier = Barrier(count)

    def together(number: int) -> Any:
        barrier.wait()
        return act(clients[number], number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(together, range(count)))


def codes(answers: list[Any]) -> list[str]:
    return sorted(str(answer.json.get("code", answer.status_code)) for answer in answers)


def test_simultaneous_refreshes_get_the_same_next_token(committed: Database, signing: SigningKeys) -> None:
    client, wanted = client_of(committed, signing), donor()
    enter_account(client, **wanted)
    signed_in = client.post("/v1/sessions", {"phone": wanted["phone"], "password": wanted["password"]}).json
    body = {"refresh_token": signed_in["refresh_token"]}
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/sessions/refresh", body))
    [second] = {answer.json["refresh_token"] for answer in answers}
    assert client.post("/v1/sessions/refresh", {"refresh_token": second}).status_code == 201


@pytest.mark.parametrize("lock", [".with_for_update()", unguarded("", "without the lock, all guesses at once read the same count")])
def test_simultaneous_guesses_are_limited_to_five(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(throttling, "_lock", altered(throttling._lock, ".with_for_update()", lock))
    wanted = donor()
    enter_account(client_of(committed, signing), **wanted)
    compared, together, compare = list[str](), Barrier(6), passwords.is_password

    def wait_for_others(stored: str | None, password: str) -> bool:
        compared.append(password)
        with suppress(BrokenBarrierError):
            together.wait(0.5)
        return compare(stored, password)

    monkeypatch.setattr(passwords, "is_password", wait_for_others)
    guess = {"phone": wanted["phone"], "password": "not-the-password"}
    answers = at_once(committed, signing, 16, lambda client, _: client.post("/v1/sessions", guess))
    assert codes(answers) == ["too_many_attempts"] * 11 + ["wrong_credentials"] * 5
    assert len(compared) == 5 * 2


SECOND_LOOK = "account.password_hash != compared"


@pytest.mark.parametrize("look", [SECOND_LOOK, unguarded("False", "without the second look, the password of before signs in")])
def test_password_changed_while_it_is_compared_is_refused(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    monkeypatch.setattr(sessions, "sign_in", altered(sessions.sign_in, SECOND_LOOK, look))
    client, wanted = client_of(committed, signing), donor()
    enter_account(client, **wanted)
    compare = passwords.is_password

    def change_meanwhile(stored: str | None, password: str) -> bool:
        with committed.begin() as session:
            session.execute(text("UPDATE accounts SET password_hash = 'changed' WHERE password_hash = :stored"), {"stored": stored})
        return compare(stored, password)

    monkeypatch.setattr(passwords, "is_password", change_meanwhile)
    answer = client.post("/v1/sessions", {"phone": wanted["phone"], "password": wanted["password"]})
    assert (answer.status_code, answer.json.get("code")) == (401, "wrong_credentials")


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the semaphore, all passwords are hashed at once")])
def test_passwords_are_hashed_on_no_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(passwords, "_cores", threading.BoundedSemaphore(100))
    hasher, at_work, most = passwords._hasher, list[int](), list[int]()
    one_too_many = Barrier(passwords.CORES + 1)

    def count(work: Callable[..., Any], *given: Any) -> Any:
        at_work.append(1)
        most.append(len(at_work))
        try:
            one_too_many.wait(0.2)
        except threading.BrokenBarrierError:
            pass
        finally:
            at_work.pop()
        return work(*given)

    counted = SimpleNamespace(hash=lambda *given: count(hasher.hash, *given), verify=lambda *given: count(hasher.verify, *given))
    monkeypatch.setattr(passwords, "_hasher", counted)
    with ThreadPoolExecutor(2 * passwords.CORES + 2) as pool:
        hashed = [pool.submit(passwords.hash_password, "x") for _ in range(passwords.CORES + 1)]
        compared = [pool.submit(passwords.is_password, None, "x") for _ in range(passwords.CORES + 1)]
    assert all(one.result().startswith("$argon2id$") for one in hashed)
    assert not any(one.result() for one in compared)
    assert max(most) == passwords.CORES


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without turns and lock, both dismissals read an appointment that stands")])
def test_of_two_dismissals_that_meet_one_counts(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        unlocked = altered(appointments.dismiss_administrator, ', with_for_update={"of": Appointment}')
        monkeypatch.setattr(appointments, "take_turn", lambda *_, **__: None)
        monkeypatch.setattr(appointments, "dismiss_administrator", unlocked)
    client, county = client_of(committed, signing), administrator_of(committed, "510903")
    wanted = {"account_id": person_of(client, kind="staff").id, "region": VILLAGE}
    path = client.post("/v1/appointments", wanted, by=county).headers["Location"]
    clients = [client_of(committed, signing) for _ in range(2)]
    acts = [lambda client=client: client.post(f"{path}/dismissal", by=county) for client in clients]
    lock = text("SELECT FROM appointment_records WHERE id = :id FOR UPDATE")
    assert codes(meet_at_lock(committed, lock, acts, id=path[-36:])) == ["201", "state_conflict"]


REFRESH_LOCK = "token.id, with_for_update=True"


SIGN_OUT = text("UPDATE sign_ins SET ended_at = now(), ended_because = 'signed_out' WHERE ended_at IS NULL")


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the lock, a renewal outlives the sign-out that it meets")])
def test_renewal_that_meets_a_sign_out_is_refused(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(sessions, "_lock_sign_in", altered(sessions._lock_sign_in, REFRESH_LOCK, "token.id"))
    client, wanted = client_of(committed, signing), donor()
    enter_account(client, **wanted)
    signed_in = client.post("/v1/sessions", {"phone": wanted["phone"], "password": wanted["password"]}).json
    body = {"refresh_token": signed_in["refresh_token"]}
    [answer] = meet_at_lock(committed, SIGN_OUT, [lambda: client.post("/v1/sessions/refresh", body)])
    assert (answer.status_code, answer.json.get("code")) == (401, "session_ended")


def test_one_of_six_simultaneous_registrations_succeeds(committed: Database, signing: SigningKeys) -> None:
    client, number = client_of(committed, signing), phone()
    asked = [client.post("/v1/registrations", donor(phone=number)).json["id"] for _ in range(5)]

    def prove(client: Client, place: int) -> Any:
        return client.post(f"/v1/registrations/{asked[place]}/proof", {"code": code_of(asked[place], "registration")})

    assert codes(at_once(committed, signing, 5, prove)) == ["201"] + ["phone_taken"] * 4


TRY_LOCK = "asked.with_for_update()"


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the lock, simultaneous guesses exceed five tries")])
def test_simultaneous_guesses_of_a_code_are_limited_to_five(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(code_actions, "use_codes", altered(code_actions.use_codes, TRY_LOCK, "asked"))
    asked = client_of(committed, signing).post("/v1/registrations", donor()).json["id"]
    body = {"code": wrong_code_of(asked, "registration")}
    clients = [client_of(committed, signing) for _ in range(8)]
    acts = [lambda client=client: client.post(f"/v1/registrations/{asked}/proof", body) for client in clients]
    answers = meet_at_lock(committed, text("SELECT FROM code_requests WHERE id = :id FOR UPDATE"), acts, id=asked)
    assert codes(answers) == ["code_ended"] * 3 + ["wrong_code"] * 5


READ_ACCOUNT = "session.get(Account, account_id)"


@pytest.mark.parametrize(
    "read", [READ_ACCOUNT, unguarded("session.get(Account, account_id, with_for_update=True)", "the account locked first, both would wait")]
)
def test_phone_is_locked_before_its_account(committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    monkeypatch.setattr(phones, "set_phone", altered(phones.set_phone, READ_ACCOUNT, read))
    client, number = client_of(committed, signing), phone()
    person = person_of(client, phone=number, region=VILLAGE)
    body = {"account_id": str(person.id), "phone": phone(), "reason": "lost"}
    county = administrator_of(committed, VILLAGE[:6])
    with ThreadPoolExecutor(1) as threads, committed.begin() as session:
        holders.lock_phones(session, fingerprint(f"+86{number}"))
        changing = threads.submit(client.post, "/v1/accounts/phone-changes", body, by=county)
        until = time.monotonic() + PATIENCE_SECONDS
        while not session.scalar(WAITING) and time.monotonic() < until:
            time.sleep(0.005)
        free = text("SELECT id FROM accounts WHERE id = :id FOR UPDATE SKIP LOCKED")
        assert str(session.scalar(free, {"id": person.id})) == str(person.id)
        session.commit()
        assert changing.result().status_code == 201


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the condition, two at once exceed the budget")])
def test_simultaneous_requests_stay_in_the_budget(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(code_actions, "_count", altered(code_actions._count, ", where=CodeCount.requests < limit", ""))
    body = {"phone": phone()}
    answers = at_once(committed, signing, 8, lambda client, _: client.post("/v1/sessions/codes", body))
    assert codes(answers) == ["202"] * 5 + ["too_many_codes"] * 3


def test_one_of_six_simultaneous_households_is_registered(committed: Database, signing: SigningKeys) -> None:
    village, wanted = administrator_of(committed, VILLAGE), household()
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/households", wanted, by=village))
    assert codes(answers) == ["201"] + ["household_registered"] * 5


def test_one_of_six_simultaneous_appointments_succeeds(committed: Database, signing: SigningKeys) -> None:
    county, person = administrator_of(committed, "510903"), person_of(client_of(committed, signing), kind="staff")
    wanted = {"account_id": person.id, "region": VILLAGE}
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/appointments", wanted, by=county))
    assert codes(answers) == ["201"] + ["already_appointed"] * 5
    [path] = {answer.headers["Location"] for answer in answers if answer.status_code == 201}
    answers = at_once(committed, signing, 6, lambda client, _: client.post(f"{path}/dismissal", by=county))
    assert codes(answers) == ["201"] + ["state_conflict"] * 5


CONSENT_LOCK = ", lock=True"


@pytest.mark.parametrize("lock", [CONSENT_LOCK, unguarded("", "without the lock, both withdraw a consent that stands")])
def test_of_two_withdrawals_that_meet_one_counts(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(consents, "withdraw_consent", altered(consents.withdraw_consent, CONSENT_LOCK, lock))
    clients, village = [client_of(committed, signing) for _ in range(2)], administrator_of(committed, VILLAGE)
    about = clients[0].post("/v1/households", household(), by=village).json["id"]
    wanted = {"household_id": about, "purpose": "contact", "text_version": list(load_texts()["contact"])[-1], "way": "slip"}
    made = clients[0].post("/v1/consents", wanted, by=village)
    acts = [lambda client=client: client.post(f"{made.headers['Location']}/withdrawal", by=village) for client in clients]
    answers = meet_at_lock(committed, text("SELECT FROM consents WHERE id = :id FOR UPDATE"), acts, id=made.json["id"])
    assert codes(answers) == ["201", "state_conflict"]


PLACE_LOCK = "query.with_for_update() if lock else query"


@pytest.mark.parametrize("lock", [PLACE_LOCK, unguarded("query", "without the lock, a proposal is confirmed and refused at once")])
def test_proposal_is_confirmed_or_refused_not_both(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(places, "get_place", altered(places.get_place, PLACE_LOCK, lock))
    village, town = administrator_of(committed, VILLAGE), administrator_of(committed, VILLAGE[:9])
    clients = [client_of(committed, signing) for _ in range(2)]
    wanted = {"region": VILLAGE, "name": "便民服务站", "address": "新街 12 号", "hours": "每天 9:00—17:00"}
    made = clients[0].post("/v1/places", wanted, by=village)
    path = made.headers["Location"]
    # Beside a point of an earlier case, the whole point waits.
    proposal = made.json["proposal"] or clients[0].patch(path, {"address": "新街 14 号"}, by=village).json["proposal"]
    acts = [("confirmation", town), ("refusal", village)]
    answers = meet_at_lock(
        committed,
        text("SELECT FROM places WHERE id = :id FOR UPDATE"),
        [
            lambda client=client, act=act, by=by: client.post(f"{path}/{act}", {"proposal_id": proposal["id"]}, by=by)
            for client, (act, by) in zip(clients, acts, strict=True)
        ],
        id=made.json["id"],
    )
    assert codes(answers) == ["201", "state_conflict"]
