"""Proven phones: registering, signing in by a code, accounts of before codes, passwords, changes of phone."""

from time import process_time
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.users import AdministratorDismissed, CodeRequested, HouseholdRegistered, UserRegistered
from users.accounts import passwords
from users.holders import actions as holders
from users.proofs.actions import phones
from users.sessions import actions as sessions

from .conftest import PASSWORD, VILLAGE, code_of, donor, household, me_of, pending, person_of, phone, sign_up, wrong_code_of

OTHER = "seven owls over the barn"


def sign_in(client: Client, number: str, password: str = PASSWORD) -> Any:
    return client.post("/v1/sessions", {"phone": number, "password": password})


def prove(client: Client, path: str, asked: Any, purpose: str, by: Person | None = None, **more: Any) -> Any:
    assert asked.status_code == 202, asked.json
    return client.post(f"{path}/{asked.json['id']}/proof", {"code": code_of(asked.json["id"], purpose)} | more, by=by)


def sign_in_by_code(client: Client, number: str) -> Any:
    return prove(client, "/v1/sessions/codes", client.post("/v1/sessions/codes", {"phone": number}), "sign_in")


def reset(client: Client, number: str, password: str = OTHER) -> Any:
    return prove(client, "/v1/password-resets", client.post("/v1/password-resets", {"phone": number}), "password_reset", password=password)


def make_old(database: RolledBack, number: str, client: Client, **changes: Any) -> str:
    """Register an account and make it one of before codes."""
    account: str = me_of(client, sign_up(client, phone=number, **changes))["id"]
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET proven_at = NULL WHERE id = :id"), {"id": account})
    return account


def appoint(client: Client, account: str, region: str, by: Person) -> None:
    """Appoint a staff account, and confirm in its name."""
    offered = client.post("/v1/appointments", {"account_id": account, "region": region}, by=by)
    assert offered.status_code == 201, offered.json
    holder = Person("staff")
    holder.id = UUID(account)
    assert client.post(f"/v1/appointments/{offered.json['id']}/confirmation", by=holder).status_code == 201


def state_of(database: RolledBack, account: str) -> tuple[str, bool, bool]:
    """Tell the state of an account, whether its phone is proven, and whether it has a password."""
    query = text("SELECT state, proven_at IS NOT NULL, password_hash IS NOT NULL FROM accounts WHERE id = :id")
    with database.begin() as session:
        return tuple(session.execute(query, {"id": account}).one())  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["donor", "organisation", "merchant", "volunteer", "staff"])
def test_code_makes_the_account_and_signs_it_in(client: Client, database: RolledBack, kind: str) -> None:
    asked = client.post("/v1/registrations", donor(kind=kind, region="5109", campaign="spring-2026"))
    assert (asked.status_code, set(asked.json)) == (202, {"id", "expires_at"})
    assert [type(event) for event in pending(database)] == [CodeRequested]
    me = me_of(client, prove(client, "/v1/registrations", asked, "registration"))
    assert (me["kind"], me["region"], me["campaign"], me["phone_proven"], me["has_password"]) == (kind, "5109", "spring-2026", True, True)
    event = pending(database)[-1]
    assert isinstance(event, UserRegistered)
    assert str(event.user_id) == me["id"]


def test_account_without_a_password_signs_in_by_codes(client: Client) -> None:
    number = phone()
    me = me_of(client, sign_up(client, phone=number, password=PASSWORD))
    wanted = donor()
    del wanted["password"]
    asked = client.post("/v1/registrations", wanted)
    other = me_of(client, prove(client, "/v1/registrations", asked, "registration"))
    assert (me["has_password"], other["has_password"]) == (True, False)
    assert sign_in(client, wanted["phone"], "any password at all").status_code == 401
    assert me_of(client, sign_in_by_code(client, wanted["phone"]))["id"] == other["id"]


def test_phone_with_an_account_is_told_only_to_its_owner(client: Client) -> None:
    number = phone()
    sign_up(client, phone=number)
    asked = client.post("/v1/registrations", donor(phone=number))
    assert asked.status_code == 202
    answer = prove(client, "/v1/registrations", asked, "registration")
    assert (answer.status_code, answer.json["code"]) == (409, "phone_taken")
    assert prove(client, "/v1/registrations", asked, "registration").json["code"] == "code_ended"


@pytest.mark.parametrize(
    "change", [{"kind": "king"}, {"name": ""}, {"phone": "+14155552671"}, {"region": "5199"}, {"password": "short"}, {"more": 1}]
)
def test_invalid_registration_sends_no_code(client: Client, database: RolledBack, change: dict[str, Any]) -> None:
    answer = client.post("/v1/registrations", donor(**change))
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"#/{next(iter(change))}")
    assert pending(database) == []


def test_old_account_proves_its_phone_after_the_password(client: Client, database: RolledBack) -> None:
    number = phone()
    account = make_old(database, number, client)
    answer = sign_in(client, number)
    assert (answer.status_code, answer.json["code"]) == (403, "proof_needed")
    code = {"code": code_of(answer.json["code_id"], "sign_in")}
    assert me_of(client, client.post(f"/v1/sessions/codes/{answer.json['code_id']}/proof", code))["id"] == account
    assert state_of(database, account) == ("active", True, True)
    assert me_of(client, sign_in(client, number))["id"] == account


def test_old_account_keeps_its_appointments(client: Client, database: RolledBack) -> None:
    number, county = phone(), administrator_of(database, VILLAGE[:6])
    account = me_of(client, sign_up(client, phone=number, kind="staff"))["id"]
    appoint(client, account, VILLAGE, county)
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET proven_at = NULL WHERE id = :id"), {"id": account})
    assert me_of(client, sign_in_by_code(client, number))["regions"] == [VILLAGE]


KEEP = '        claimed.password_hash = None\n        end_all_sessions(session, claimed, "phone_proven")\n'


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without forgetting, whoever registered the phone first signs in")])
def test_code_alone_forgets_a_password_of_before(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(holders, "find_to_sign_in", altered(holders.find_to_sign_in, KEEP))
    number = phone()
    account = make_old(database, number, client)
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM sign_ins WHERE ended_at IS NULL")) == 1
    assert me_of(client, sign_in_by_code(client, number))["id"] == account
    assert state_of(database, account) == ("active", True, False)
    assert sign_in(client, number).status_code == 401
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM sign_ins WHERE ended_at IS NULL")) == 1


def test_wrong_password_of_an_old_account_is_answered_as_ever(client: Client, database: RolledBack) -> None:
    number = phone()
    make_old(database, number, client)
    asked = len(pending(database))
    assert sign_in(client, number, OTHER).json["code"] == "wrong_credentials"
    assert len(pending(database)) == asked


def test_stranger_who_claims_an_official_s_phone_gets_nothing(client: Client, database: RolledBack, town: Person) -> None:
    """The attack on F2: an official's phone was registered by a stranger, who was then appointed by it."""
    number = phone()
    stranger = client.post("/v1/accounts", donor(phone=number, kind="staff", password=OTHER)).json["id"]
    for named in ({"phone": number}, {"account_id": stranger}):
        answer = client.post("/v1/appointments", named | {"region": VILLAGE}, by=town)
        assert (answer.status_code, answer.json["code"]) == (422, "unknown_administrator")
    assert sign_in(client, number, OTHER).json["code"] == "proof_needed"
    official = me_of(client, sign_up(client, phone=number, kind="staff"))["id"]
    assert client.post("/v1/appointments", {"phone": number, "region": VILLAGE}, by=town).json["account_id"] == official
    assert state_of(database, stranger)[0] == "closed"
    assert sign_in(client, number, OTHER).status_code == 401


def test_strangers_appointment_ends_when_the_phone_is_proven(client: Client, database: RolledBack) -> None:
    number, county = phone(), administrator_of(database, VILLAGE[:6])
    stranger = me_of(client, sign_up(client, phone=number, kind="staff", password=OTHER))["id"]
    appoint(client, stranger, VILLAGE, county)
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET proven_at = NULL"))
    assert me_of(client, sign_up(client, phone=number, kind="staff"))["regions"] == []
    [dismissed] = [event for event in pending(database) if isinstance(event, AdministratorDismissed)]
    assert (str(dismissed.user_id), dismissed.region) == (stranger, VILLAGE)
    assert client.get("/v1/appointments", by=county).json["items"] == []


def test_household_keeps_a_closed_account_s_phone_as_contact(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    made = client.post("/v1/households", household(phone=number), by=village).json
    me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET proven_at = NULL"))
    assert me_of(client, sign_up(client, phone=number))["household_id"] is None
    last = [event for event in pending(database) if isinstance(event, HouseholdRegistered)][-1]
    assert (last.version, last.account_id) == (3, None)
    shown = client.get(f"/v1/households/{made['id']}", by=village).json
    assert (shown["account_id"], shown["contact_phone"]) == (None, number)


def test_old_household_proves_its_account_by_registering(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    client.post("/v1/households", household(phone=number), by=village)
    old = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET proven_at = NULL"))
        session.execute(text("UPDATE households SET contact_phone = NULL, contact_phone_fingerprint = NULL"))
    me = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田", password=OTHER))
    assert (me["id"], me["household_id"], me["phone_proven"]) == (old["id"], old["household_id"], True)
    assert me_of(client, sign_in(client, number, OTHER))["id"] == old["id"]


OUTLINES = [
    ("/v1/registrations", lambda number: donor(phone=number)),
    ("/v1/sessions/codes", lambda number: {"phone": number}),
    ("/v1/password-resets", lambda number: {"phone": number}),
]


@pytest.mark.parametrize(("path", "body"), OUTLINES, ids=[path for path, _ in OUTLINES])
def test_codes_answer_every_phone_alike(client: Client, database: RolledBack, path: str, body: Any) -> None:
    known, old = phone(), phone()
    sign_up(client, phone=known)
    make_old(database, old, client)
    purpose = {"/v1/registrations": "registration", "/v1/sessions/codes": "sign_in"}.get(path, "password_reset")
    more = {"password": OTHER} if path == "/v1/password-resets" else {}
    seen = set()
    for number in (known, old, phone()):
        asked = client.post(path, body(number))
        wrong = client.post(f"{path}/{asked.json['id']}/proof", {"code": wrong_code_of(asked.json["id"], purpose)} | more)
        names = tuple(sorted(name for name, _ in asked.headers))
        seen.add((asked.status_code, tuple(asked.json), names, wrong.status_code, wrong.json["code"], tuple(wrong.json)))
        other = [asked.json["id"], wrong.json["instance"]]
        assert number not in str(other)
    assert len(seen) == 1


def test_claiming_a_phone_tells_nobody_about_its_account(client: Client, database: RolledBack) -> None:
    """A stranger registers a phone without proof and signs in with the own password: the answer is the same for every phone."""
    known, old = phone(), phone()
    sign_up(client, phone=known)
    make_old(database, old, client)
    seen = set()
    for number in (known, old, phone()):
        made = client.post("/v1/accounts", donor(phone=number, password=OTHER))
        answer = sign_in(client, number, OTHER)
        seen.add((made.status_code, tuple(made.json), answer.status_code, answer.json["code"], tuple(answer.json)))
    assert {(one[0], one[2], one[3]) for one in seen} == {(201, 403, "proof_needed")}
    assert len(seen) == 1


def test_code_proves_the_account_that_holds_the_phone_already(client: Client, database: RolledBack) -> None:
    number = phone()
    owner = me_of(client, sign_up(client, phone=number))["id"]
    claim = client.post("/v1/accounts", donor(phone=number, password=OTHER)).json["id"]
    asked = sign_in(client, number, OTHER).json["code_id"]
    answer = client.post(f"/v1/sessions/codes/{asked}/proof", {"code": code_of(asked, "sign_in")})
    assert me_of(client, answer)["id"] == owner
    assert state_of(database, claim)[0] == "closed"
    assert me_of(client, sign_in(client, number))["id"] == owner


def test_code_for_a_phone_without_account_opens_nothing(client: Client) -> None:
    answer = sign_in_by_code(client, phone())
    assert (answer.status_code, answer.json["code"]) == (422, "wrong_code")


def test_code_of_one_purpose_serves_no_other(client: Client) -> None:
    number = phone()
    sign_up(client, phone=number)
    asked = client.post("/v1/sessions/codes", {"phone": number}).json["id"]
    code = code_of(asked, "sign_in")
    assert client.post(f"/v1/registrations/{asked}/proof", {"code": code}).status_code == 404
    assert client.post(f"/v1/password-resets/{asked}/proof", {"code": code, "password": OTHER}).status_code == 404
    assert client.post(f"/v1/sessions/codes/{asked}/proof", {"code": code}).status_code == 201


def test_pumping_codes_is_refused_alike_for_every_phone(client: Client) -> None:
    known, unknown = phone(), phone()
    sign_up(client, phone=known)
    answers = {}
    for number in (known, unknown):
        allowed = 4 if number == known else 5
        assert [client.post("/v1/sessions/codes", {"phone": number}).status_code for _ in range(allowed)] == [202] * allowed
        answers[number] = client.post("/v1/sessions/codes", {"phone": number})
    assert {(one.status_code, one.json["code"], one.json["title"]) for one in answers.values()} == {
        (429, "too_many_codes", answers[known].json["title"])
    }
    assert all(0 < int(one.headers["Retry-After"]) <= 24 * 3600 for one in answers.values())


def test_address_is_read_behind_trusted_proxies(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODES_PER_ADDRESS", "1")
    headers = {"X-Forwarded-For": "192.0.2.77"}
    assert client.post("/v1/sessions/codes", {"phone": phone()}, headers=headers).status_code == 202
    assert client.post("/v1/sessions/codes", {"phone": phone()}, headers={"X-Forwarded-For": "192.0.2.78"}).status_code == 429


def test_reset_sets_a_password_and_ends_all_other_sessions(client: Client) -> None:
    number = phone()
    before = sign_up(client, phone=number).json["refresh_token"]
    answer = reset(client, number)
    assert me_of(client, answer)["has_password"] is True
    assert sign_in(client, number).status_code == 401
    assert sign_in(client, number, OTHER).status_code == 201
    assert client.post("/v1/sessions/refresh", {"refresh_token": before}).json["code"] == "session_ended"
    assert client.post("/v1/sessions/refresh", {"refresh_token": answer.json["refresh_token"]}).status_code == 201


def test_weak_new_password_leaves_the_code_usable(client: Client) -> None:
    number = phone()
    sign_up(client, phone=number, name="Wendell Okafor")
    asked = client.post("/v1/password-resets", {"phone": number})
    for weak in ("wendell okafor", "password1", number):
        answer = prove(client, "/v1/password-resets", asked, "password_reset", password=weak)
        assert (answer.status_code, answer.json["code"]) == (422, "weak_password")
    assert prove(client, "/v1/password-resets", asked, "password_reset", password=OTHER).status_code == 201


def bearer(tokens: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.json['access_token']}", "If-Match": "*"}


def test_password_is_changed_by_the_old_one(client: Client) -> None:
    number = phone()
    mine, other = sign_up(client, phone=number), sign_in(client, number)
    wrong = client.flask.put("/v1/me/password", json={"password": OTHER, "old_password": "not that one"}, headers=bearer(mine))
    assert (wrong.status_code, wrong.json["code"]) == (422, "wrong_password")
    done = client.flask.put("/v1/me/password", json={"password": OTHER, "old_password": PASSWORD}, headers=bearer(mine))
    assert (done.status_code, done.json["has_password"]) == (200, True)
    assert sign_in(client, number, OTHER).status_code == 201
    refreshed = [client.post("/v1/sessions/refresh", {"refresh_token": one.json["refresh_token"]}).status_code for one in (mine, other)]
    assert refreshed == [201, 401]


def test_password_is_set_by_a_code_for_the_own_phone_only(client: Client) -> None:
    number, elsewhere = phone(), phone()
    mine, _ = sign_up(client, phone=number), sign_up(client, phone=elsewhere)
    for asked_for, status in ((elsewhere, 422), (number, 200)):
        asked = client.post("/v1/password-resets", {"phone": asked_for}).json["id"]
        body = {"password": OTHER, "code_id": asked, "code": code_of(asked, "password_reset")}
        assert client.flask.put("/v1/me/password", json=body, headers=bearer(mine)).status_code == status
    for body in ({"password": OTHER}, {"password": OTHER, "code": "123456"}, {"password": OTHER, "old_password": "x", "code_id": asked}):
        assert client.flask.put("/v1/me/password", json=body, headers=bearer(mine)).json["code"] == "invalid"


def test_staff_need_twelve_characters(client: Client) -> None:
    short = "kQ7-vz2!pw"
    for kind, status in (("donor", 202), ("staff", 422)):
        answer = client.post("/v1/registrations", donor(kind=kind, password=short))
        assert answer.status_code == status
    assert answer.json["code"] == "weak_password"
    assert "12" in answer.json["title"]


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the limit, one password takes half a minute")])
def test_judging_a_password_takes_a_moment(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(passwords, "MOST_SIGNS", 10)
    began = process_time()
    passwords.require_strong("4@([{<691!|7$5+%2380" * 6, "+8613800001234", "冯知微", "51")
    assert process_time() - began < 0.25


def test_phone_is_changed_by_both_codes(client: Client, database: RolledBack) -> None:
    number, new = phone(), phone()
    person = person_of(client, phone=number)
    asked = client.post("/v1/me/phone-changes", {"phone": new}, by=person)
    old = [str(event.code_id) for event in pending(database) if isinstance(event, CodeRequested)][-2]
    path, new_code, old_code = (
        f"/v1/me/phone-changes/{asked.json['id']}/proof",
        code_of(asked.json["id"], "phone_change"),
        code_of(old, "phone_change"),
    )
    wrongs = [
        (new_code, old_code),
        (old_code, wrong_code_of(asked.json["id"], "phone_change")),
        (wrong_code_of(old, "phone_change"), new_code),
    ]
    for first, second in wrongs:
        answer = client.post(path, {"old_code": first, "new_code": second}, by=person)
        assert (answer.status_code, answer.json["code"]) == (422, "wrong_code")
    assert client.post(path, {"old_code": old_code, "new_code": new_code}, by=Person("donor")).status_code == 404
    answer = client.post(path, {"old_code": old_code, "new_code": new_code}, by=person)
    assert (answer.status_code, answer.json["phone"]) == (201, f"138****{new[-4:]}")
    assert [sign_in(client, one).status_code for one in (number, new)] == [401, 201]
    event = pending(database)[-1]
    assert isinstance(event, UserRegistered)
    assert event.version == 2


OF_THE_PRESENT_PHONE = "request.phone_fingerprint != account.phone_fingerprint"


@pytest.mark.parametrize(
    "guard", [OF_THE_PRESENT_PHONE, unguarded("False", "without it, a code to a phone given up still moves the account")]
)
def test_code_to_a_phone_of_before_moves_nothing(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(phones, "change_phone", altered(phones.change_phone, OF_THE_PRESENT_PHONE, guard))
    person = person_of(client, region=VILLAGE)
    asked = client.post("/v1/me/phone-changes", {"phone": phone()}, by=person).json["id"]
    old = [str(event.code_id) for event in pending(database) if isinstance(event, CodeRequested)][-2]
    setting = {"account_id": str(person.id), "phone": phone(), "reason": "lost"}
    assert client.post("/v1/accounts/phone-changes", setting, by=administrator_of(database, VILLAGE[:6])).status_code == 201
    body = {"old_code": code_of(old, "phone_change"), "new_code": code_of(asked, "phone_change")}
    assert client.post(f"/v1/me/phone-changes/{asked}/proof", body, by=person).status_code == 404


@pytest.mark.parametrize(("kind", "password"), [("staff", "owl barn 71"), ("donor", VILLAGE)])
def test_new_password_is_judged_by_office_and_region(client: Client, kind: str, password: str) -> None:
    number = phone()
    person = person_of(client, kind=kind, phone=number, region=VILLAGE)
    answer = client.put("/v1/me/password", {"old_password": PASSWORD, "password": password}, by=person)
    assert (answer.status_code, answer.json["code"]) == (422, "weak_password")
    assert sign_in(client, number).status_code == 201


def test_proof_of_an_old_account_is_recorded(client: Client, database: RolledBack) -> None:
    number = phone()
    account = make_old(database, number, client)
    asked = sign_in(client, number).json["code_id"]
    assert client.post(f"/v1/sessions/codes/{asked}/proof", {"code": code_of(asked, "sign_in")}).status_code == 201
    with database.begin() as session:
        acts = session.scalars(
            select(AuditEntry.act).where(AuditEntry.subject_id == UUID(account), AuditEntry.actor_id == UUID(account))
        ).all()
    assert "prove_phone" in acts


def test_proven_phone_of_somebody_else_is_not_taken_over(client: Client, database: RolledBack) -> None:
    taken, person = phone(), person_of(client)
    sign_up(client, phone=taken)
    asked = client.post("/v1/me/phone-changes", {"phone": taken}, by=person).json["id"]
    old = [str(event.code_id) for event in pending(database) if isinstance(event, CodeRequested)][-2]
    body = {"old_code": code_of(old, "phone_change"), "new_code": code_of(asked, "phone_change")}
    assert client.post(f"/v1/me/phone-changes/{asked}/proof", body, by=person).json["code"] == "phone_taken"


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without asking for the password, an administrator takes accounts over")])
def test_phone_set_by_an_administrator_needs_the_password_too(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        guard = " if not (account.phone_set_by and account.password_hash)"
        monkeypatch.setattr(holders, "find_to_sign_in", altered(holders.find_to_sign_in, guard))
    number, new, county = phone(), phone(), administrator_of(database, VILLAGE[:6])
    account = me_of(client, sign_up(client, phone=number, region=VILLAGE))["id"]
    path, body = "/v1/accounts/phone-changes", {"account_id": account, "phone": new, "reason": "lost"}
    assert client.post(path, body | {"reason": ""}, by=county).status_code == 422
    assert client.post(path, body, by=administrator_of(database, "5107")).status_code == 404
    assert client.post(path, body, by=Person("donor")).status_code == 403
    assert client.post(path, body, by=county).status_code == 201
    assert sign_in(client, number).status_code == 401
    assert sign_in_by_code(client, new).json.get("code") == "wrong_code"
    asked = sign_in(client, new).json["code_id"]
    answer = client.post(f"/v1/sessions/codes/{asked}/proof", {"code": code_of(asked, "sign_in")})
    assert me_of(client, answer)["id"] == account
    assert me_of(client, sign_in(client, new))["id"] == account


def test_administrators_set_no_phone_of_their_equals(client: Client, database: RolledBack) -> None:
    county = administrator_of(database, VILLAGE[:6])
    holder = person_of(client, kind="staff", region=VILLAGE)
    appoint(client, str(holder.id), VILLAGE[:6], administrator_of(database, "51"))
    body = {"account_id": str(holder.id), "phone": phone(), "reason": "lost"}
    assert client.post("/v1/accounts/phone-changes", body, by=county).json["code"] == "not_allowed"
    assert client.post("/v1/accounts/phone-changes", body, by=administrator_of(database, "5109")).status_code == 201
    with database.begin() as session:
        kept = session.scalars(select(AuditEntry.region).where(AuditEntry.act == "set_phone", AuditEntry.person_id == holder.id)).all()
    assert kept == [VILLAGE[:6]], "the region of the office, not the one that the account states"


def test_profile_is_edited_by_oneself(client: Client, database: RolledBack, village: Person) -> None:
    person = person_of(client)
    seen = client.get("/v1/me", by=person).headers["ETag"]
    done = client.patch("/v1/me", {"name": "冯知远", "region": "5109"}, by=person, seen=seen)
    assert (done.status_code, done.json["name"], done.json["region"], done.json["version"]) == (200, "冯知远", "5109", 2)
    event = pending(database)[-1]
    assert isinstance(event, UserRegistered)
    assert (event.version, event.region) == (2, "5109")
    assert client.patch("/v1/me", {"name": "别人"}, by=person, seen=seen).json["code"] == "stale"
    assert client.patch("/v1/me", {"name": "别人"}, by=person, seen=None).status_code == 428
    assert client.patch("/v1/me", {"kind": "staff"}, by=person).json["code"] == "invalid"


def test_household_does_not_move_by_itself(client: Client, village: Person) -> None:
    number = phone()
    client.post("/v1/households", household(phone=number), by=village)
    me = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))
    person = Person("household")
    person.id = me["id"]
    assert client.patch("/v1/me", {"region": "51"}, by=person).json["code"] == "not_allowed"
    assert client.patch("/v1/me", {"name": "欧阳守业"}, by=person).status_code == 200


SECOND_COMPARE = "is_newest = passwords.is_password(newest.password_hash if newest else None, password)"


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the second comparison, a claim tells of an account by its time")])
def test_passwords_are_compared_twice_for_every_phone(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        instead = "is_newest = bool(newest) and passwords.is_password(newest.password_hash, password)"
        monkeypatch.setattr(sessions, "_find_by_password", altered(sessions._find_by_password, SECOND_COMPARE, instead))
    numbers = [phone() for _ in range(4)]
    sign_up(client, phone=numbers[0])
    make_old(database, numbers[1], client)
    client.post("/v1/accounts", donor(phone=numbers[2]))
    compared = list[str]()
    compare = passwords.is_password

    def count(stored: str | None, password: str) -> bool:
        compared.append(password)
        return compare(stored, password)

    monkeypatch.setattr(passwords, "is_password", count)
    costs = []
    for number in numbers:
        compared.clear()
        assert sign_in(client, number, "wrong password here").status_code == 401
        costs.append(len(compared))
    assert costs == [2] * 4
