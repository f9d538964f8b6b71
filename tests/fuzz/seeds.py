"""Rows of a service's database before it is fuzzed, beside those made by events."""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pyotp
from sqlalchemy import update
from stdnum.cn import ric, uscc

from chassis.data.database import new_id, now
from chassis.http.auth import GIVERS, Caller
from chassis.messaging import outbox
from chassis.testing.fixtures import Person, administrator_of
from contracts.matching import MatchAccepted, MatchReceived
from contracts.needs import NeedPublished, PledgeOffered
from contracts.users import HouseholdRegistered
from deploy.local.environment import p256_keys
from notify.endpoints.model import Endpoint
from notify.messages import actions as messages
from tests.fuzz.cases import is_change, operations_of, plausible
from tests.fuzz.names_door import open_names_door
from tests.fuzz.stage import Stage
from users.codes.derivation import derive_code
from users.codes.model import CodeRequest
from users.sessions.model import SignIn

PASSWORD = "tian-dao 酬勤者"
FAR = "110101001001"
"""A village of another province, which registers somebody who stands in the stage's village."""


def soon() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).isoformat()


def seed_users(stage: Stage) -> None:
    """Accounts of everybody, who sign in; an appointment; a household with an account."""
    from users.fields import KINDS

    phones = iter(f"138{stage.village[:4]}{number:04}" for number in range(100))
    other = Person("staff")
    for person in [*stage.people.values(), stage.agent, stage.operator, other]:
        add_account(stage, person, phone := next(phones))
        if person.kind in KINDS:
            session = post(stage, "/v1/sessions", {"phone": phone, "password": PASSWORD})
    add_account(stage, Person("staff"), unappointed := next(phones))
    offered = post(stage, "/v1/appointments", {"phone": phone, "region": stage.village}, "staff")
    assert stage.client.post(f"/v1/appointments/{offered['id']}/confirmation", by=other).status_code == 201
    for person, role in ((stage.people["staff"], "administrator"), (other, "auditor")):
        wanted = {"account_id": str(person.id), "region": stage.village, "role": role}
        offer = stage.client.post("/v1/appointments", wanted, by=stage.operator).json
        stage.seen["staff", "/v1/appointments"].append(stage.client.get(f"/v1/appointments/{offer['id']}", by=stage.people["staff"]).json)
    seed_second_factors(stage, other)
    seed_erasures(stage)
    number = f"{stage.village[:6]}19480312001"
    household = {"name": "欧阳守田", "national_id": national_id_of(number), "region": stage.village}
    registered = post(stage, "/v1/households", household, "staff")
    give_account(stage, registered["id"], stage.people["household"])
    seed_register(stage, registered["id"])
    numbers = iter(range(100, 1000))

    def fresh_number() -> str:
        """Return a national id that nobody has: one of a thousand more with every call."""
        nonlocal numbers
        if (place := next(numbers, None)) is None:
            numbers = iter(range(100, 1000))
            place = next(numbers)
        return national_id_of(f"{stage.village[:6]}19500101{place}")

    stage.words |= {
        "phone": [unappointed, phone, next(phones)],
        "email": ["li.guiying@example.org"],
        "password": [PASSWORD],
        "national_id": [fresh_number],
        "refresh_token": [session["refresh_token"]],
        "region": [stage.village, stage.village[:9] + "002"],
        "region_code": [stage.village[:2], stage.village[:4], stage.village[:6], stage.village],
        "name": ["遂宁", "王秀英"],
        "within": [stage.village[:2]],
        "q": ["遂宁市船山区", "sn cs"],
        "codes": [f"{stage.village},330104,510626"],
        "campaign": ["spring-2017"],
        "account_id": [str(other.id)],
        "old_password": [PASSWORD],
    }
    stage.files["import_regions"] = "code,name,valid_from,valid_until,successors\n510921,蓬溪市,,,\n".encode()
    seed_helpers_and_organisations(stage)
    seed_imports(stage)
    seed_codes(stage, phone, phones)
    seed_places(stage)
    seed_handovers(stage, registered["id"], household | {"national_id": national_id_of(number[:-1] + "3")})
    seed_self_reports(stage, next(phones))
    lengthen_proofs(stage)


def national_id_of(start: str) -> str:
    """Return the national id with these seventeen digits."""
    return start + ric.calc_check_digit(start + "0")


def seed_places(stage: Stage) -> None:
    """Add a point to the village; the village's administrator proposes another address for it."""
    stated = {"address": "新街 12 号", "hours": "每天 9:00—17:00", "telephone": "0825-2661234", "do_not_bring": "药品"}
    point = post(stage, "/v1/places", stated | {"name": "便民服务中心", "region": stage.village}, "staff")
    proposed = stage.client.patch(f"/v1/places/{point['id']}", {"address": "新街 14 号"}, by=stage.agent).json
    stage.words |= {name: [word] for name, word in stated.items()} | {"proposal_id": [proposed["proposal"]["id"]]}


def seed_handovers(stage: Stage, household_id: str, other: Mapping[str, Any]) -> None:
    """Let every giver but one have accepted a match with the household; let another household of the village have consented.

    The volunteer has nothing under way, so that they may have themselves erased.
    """
    from users.consents.texts import CONTACT, load_texts

    for giver in sorted(GIVERS - {"volunteer"}):
        accepted = stage.about(MatchAccepted, giver, household_id=UUID(household_id), accepted_at=now())
        stage.hear(accepted)
        for kind in (giver, "household", "staff"):
            stage.seen[kind, "/v1/handovers"].append({"id": str(accepted.match_id)})
    version = list(load_texts()[CONTACT])[-1]
    consent = {"household_id": post(stage, "/v1/households", other, "staff")["id"], "purpose": CONTACT, "text_version": version}
    post(stage, "/v1/consents", consent | {"way": "slip"}, "staff")
    stage.words |= {"household_id": [household_id], "text_version": [version]}


def seed_self_reports(stage: Stage, phone: str) -> None:
    """Let three people report themselves in the village: one with a phone, one who is visited, one who is admitted."""
    stated = {"region": stage.village, "name": "欧阳守田", "people": 3, "difficulty": "illness", "story": "老人住院"}
    asked = post(stage, "/v1/self-reports", stated | {"phone": phone})["code_id"]
    stage.recipes["prove_self_report", ""] = {"code_id": asked, "code": code_of(asked, "self_report")}
    for _ in range(2):
        post(stage, "/v1/self-reports", stated)
    found = stage.client.get("/v1/self-reports", by=stage.people["staff"]).json["items"]
    for one in found[:2]:
        post(stage, f"/v1/self-reports/{one['id']}/visit", {}, "staff")
    post(stage, f"/v1/self-reports/{found[0]['id']}/decision", {"outcome": "admitted"}, "staff")
    stage.recipes["decide_self_report", "staff"] = {"report_id": found[1]["id"], "outcome": "declined", "reason": "not_resident"}
    stage.words |= {"people": [3], "difficulty": ["illness"], "story": ["老人住院"]}


def seed_register(stage: Stage, household_id: str) -> None:
    """Fill the register: a member, a label, an institution, a second household, and a transfer that another village asked for."""
    member = {"name": "欧阳小妹", "relation": "child", "born": "1990-01-01"}
    added = [stage.client.post(f"/v1/households/{household_id}/members", member, by=stage.agent).json for _ in range(2)]
    beside = {"name": "司马春", "national_id": _number_of(stage, 4), "region": stage.village}
    second = stage.client.post("/v1/households", beside, by=stage.agent).json
    widow = member | {"national_id": _number_of(stage, 5)}
    heir = stage.client.post(f"/v1/households/{second['id']}/members", {k: v for k, v in widow.items() if k != "born"}, by=stage.agent).json
    labelled = stage.client.post(f"/v1/households/{second['id']}/labels", {"label": "marginal"}, by=stage.agent).json
    school = {"kind": "school", "name": "红光小学", "region": stage.village}
    institution = stage.client.post("/v1/institutions", school, by=stage.agent).json
    elsewhere = administrator_of(stage.database, FAR)
    entry = {"name": "司马春", "national_id": beside["national_id"], "region": FAR}
    assert stage.client.post("/v1/households", entry, by=elsewhere).status_code == 201
    [transfer] = stage.client.get("/v1/household-transfers", by=stage.agent).json["items"]
    for place, items in (
        ("household-members", [*added, heir]),
        ("household-labels", [labelled]),
        ("institutions", [institution]),
        ("household-transfers", [transfer]),
    ):
        stage.seen["staff", f"/v1/{place}"] += items
    stage.seen["household", "/v1/household-members"] += added
    stage.words |= {
        "to_region": [stage.village[:9] + "002"],
        "born": ["1990-01-01"],
        "on": [date.today().isoformat],
        "visited_on": [date.today().isoformat],
        "household_id": [household_id],
    }
    stage.recipes["merge_households", "staff"] = {"household_id": second["id"], "into_id": household_id}
    stage.recipes["split_household", "staff"] = {"household_id": second["id"], "head_id": heir["id"]}
    visit = {"household_id": household_id, "visited_on": date.today().isoformat(), "note": "屋顶漏雨"}
    post_visit = stage.client.post("/v1/household-visits", visit | {"help": [{"kind": "goods", "description": "棉被"}]}, by=stage.agent)
    assert post_visit.status_code == 201, post_visit.json
    stage.recipes["search_households", "staff"] = {"name": "ouyang", "region": stage.village}
    loose = add_loose_account(stage)
    stage.recipes["link_household_account", "staff"] = {"household_id": second["id"], "phone": loose}


def add_loose_account(stage: Stage) -> str:
    """Write the account of a household in the village that belongs to none; return its phone."""
    from users.accounts.model import Account

    person, phone = Person("household"), f"139{stage.village[:4]}0001"
    add_account(stage, person, phone)
    with stage.database.begin() as session:
        session.get_one(Account, person.id).region = stage.village
    return phone


def _number_of(stage: Stage, place: int) -> str:
    return national_id_of(f"{stage.village[:6]}1948031200{place}")


def seed_erasures(stage: Stage) -> None:
    """Let everybody have signed in just now, which proves who asks for an erasure; erase a household."""
    from users.accounts.model import Account
    from users.fields import KINDS
    from users.sessions.actions import Client as Visitor
    from users.sessions.actions import start_session

    for person in (one for kind, one in stage.people.items() if kind in KINDS and kind != "staff"):
        with stage.database.begin() as session:
            start_session(session, session.get_one(Account, person.id), Visitor()).sign_in.session_id = person.session_id
    number = f"{stage.village[:6]}19480312003"
    household = {"name": "欧阳守成", "national_id": number + ric.calc_check_digit(number + "0"), "region": stage.village}
    gone = post(stage, "/v1/households", household, "staff")["id"]
    post(stage, f"/v1/households/{gone}/erasure", {"purpose": "consent_withdrawn", "reason": "asked_in_person"}, "staff")
    stage.recipes["get_household_erasure", "staff"] = {"household_id": gone}


def seed_helpers_and_organisations(stage: Stage) -> None:
    """Let the village's administrator be a helper; let a merchant wait to be verified, and a work unit be verified, in the village."""
    from users.organisations.model import Organisation

    stated = {"unit": "县财政局", "post": "科长"}
    helper = {"account_id": str(stage.agent.id), "role": "first_secretary", "region": stage.village}
    post(stage, "/v1/helpers", helper | stated, "staff")
    codes = dict(zip(("merchant", "work_unit"), (code_of_body(f"91{stage.village[:6]}{number:09}") for number in (1, 2)), strict=True))
    for kind, code in codes.items():
        assert stage.client.put("/v1/me/organisation", {"name": "惠民商店", "uscc": code}, by=stage.people[kind]).status_code == 200
        with stage.database.begin() as session:
            session.get_one(Organisation, stage.people[kind].id).region = stage.village
    verified = f"/v1/organisations/{stage.people['work_unit'].id}"
    assert stage.client.post(f"{verified}/verification", by=stage.operator).status_code == 201
    for state in ("waiting", "verified"):
        listed = stage.client.get("/v1/organisations", by=stage.operator, state=state, region=stage.village).json["items"]
        stage.seen["merchant" if state == "waiting" else "work_unit", "/v1/organisations"] += listed
        stage.seen["staff", "/v1/organisations"] += listed
    stage.words |= {name: [word] for name, word in stated.items()}
    stage.words |= {"helper_id": [str(stage.agent.id)], "uscc": [*codes.values()]}


def seed_imports(stage: Stage) -> None:
    """Let a table of the village wait for its confirmation; save a mapping; provide a file of each accepted type."""
    from chassis.imports.work import work_on_due
    from users.imports.api import TYPES
    from users.imports.kinds import IMPORTS

    number = f"{stage.village[:6]}19480312005"
    table = f"户主姓名,身份证号\n欧阳守田,{number + ric.calc_check_digit(number + '0')}\n卫?,1\n".encode()
    stage.files |= dict.fromkeys(TYPES, table)
    asked, signed = {"kind": "households", "region": stage.village}, {"Authorization": f"Bearer {stage.token('staff')}"}
    sent = stage.flask.post("/v1/imports", query_string=asked, data=table, content_type="text/csv", headers=signed)
    assert work_on_due(IMPORTS, stage.database) == 1
    stage.seen["staff", "/v1/imports"].append(stage.client.get(sent.headers["Location"], by=stage.people["staff"]).json)
    columns = [{"heading": "当家人", "field": "name"}]
    mapping = post(stage, "/v1/import-mappings", asked | {"name": "旧表", "columns": columns}, "staff")
    stage.seen["staff", "/v1/import-mappings"].append(mapping)
    stage.words |= {"mapping_id": [mapping["id"]], "columns": [columns]}


def code_of_body(start: str) -> str:
    """Return the unified social credit code of a body with these seventeen characters."""
    return start + uscc.calc_check_digit(start)


def add_account(stage: Stage, person: Person, phone: str) -> None:
    """Write the account of a person, with a proven phone and the password of all."""
    from users.accounts.actions import new_account
    from users.fields import KINDS

    if person.kind not in KINDS:
        return
    account = new_account({"kind": person.kind, "phone": f"+86{phone}", "name": "冯知微"}, _password_hash(), now())
    account.id = person.id
    with stage.database.begin() as session:
        session.add(account)


@cache
def _password_hash() -> str:
    from users.accounts.passwords import hash_password

    return hash_password(PASSWORD)


def give_account(stage: Stage, household_id: str, person: Person) -> None:
    """Let a household have the account of a person."""
    from users.households.model import Household

    with stage.database.begin() as session:
        session.get_one(Household, UUID(household_id)).account_id = person.id


def seed_second_factors(stage: Stage, village: Person) -> None:
    """Set up second factors of the township and of the village's administrator, in sessions of theirs; offer the township another one."""
    from users.accounts.model import Account
    from users.sessions.actions import Client as Visitor
    from users.sessions.actions import start_session

    for person in (village, stage.people["staff"]):
        with stage.database.begin() as session:
            started = start_session(session, session.get_one(Account, person.id), Visitor())
            started.sign_in.session_id = person.session_id
        secret = stage.client.post("/v1/me/second-factor", by=person).json["secret"]
        body = {"code": pyotp.TOTP(secret).at(int(time.time()) - 30)}
        confirmed = stage.client.post("/v1/me/second-factor/confirmation", body, by=person)
        stage.words["recovery_code"] = confirmed.json["recovery_codes"]
    stage.words["code"] = [pyotp.TOTP(stage.client.post("/v1/me/second-factor", by=person).json["secret"]).now]
    stage.seen["staff", "/v1/accounts"].append({"id": str(village.id), "office": "village"})


def seed_codes(stage: Stage, known_phone: str, phones: Iterator[str]) -> None:
    """A request for a code of each purpose, with its code; somebody whose phone the administrator may set."""
    from users.fields import KINDS

    asking = {
        "prove_registration": ("/v1/registrations", "registration", {"kind": "donor", "phone": next(phones), "name": "冯知微"}),
        "sign_in_by_code": ("/v1/sessions/codes", "sign_in", {"phone": known_phone}),
        "reset_password": ("/v1/password-resets", "password_reset", {"phone": known_phone}),
    }
    for operation, (path, purpose, body) in asking.items():
        asked = post(stage, path, body)["id"]
        stage.recipes[operation, ""] = {"code_id": asked, "code": code_of(asked, purpose)}
    for kind in stage.people.keys() & KINDS:
        asked = post(stage, "/v1/me/phone-changes", {"phone": next(phones)}, kind)["id"]
        with stage.database.begin() as session:
            old, new = (event.subject for event in outbox.pending(session)[-2:])
        assert str(new) == asked
        codes = {"old_code": code_of(str(old), "phone_change"), "new_code": code_of(asked, "phone_change")}
        stage.recipes["change_phone", kind] = {"code_id": asked} | codes
        asked = post(stage, "/v1/me/email-changes", {"email": f"{kind}@{stage.village}.example.org"}, kind)["id"]
        stage.recipes["change_email", kind] = {"code_id": asked, "code": code_of(asked, "email_change")}
    neighbour = enter(stage, {"kind": "donor", "phone": next(phones), "name": "邻居", "region": stage.village})
    stage.recipes["set_phone", "staff"] = {"account_id": neighbour, "phone": next(phones), "reason": "lost"}


def lengthen_proofs(stage: Stage) -> None:
    """Let codes and fresh sign-ins outlast a campaign: a code counts for five minutes, a sign-in is fresh for ten."""
    with stage.database.begin() as session:
        session.execute(update(CodeRequest).values(expires_at=CodeRequest.requested_at + timedelta(days=1)))
        session.execute(update(SignIn).values(started_at=SignIn.refreshed_at + timedelta(hours=1)))


def code_of(code_id: str, purpose: str) -> str:
    """Return the code that was sent for a request."""
    return derive_code(os.environ["CODE_KEYS"].encode(), purpose, UUID(code_id))


def enter(stage: Stage, wanted: Mapping[str, Any]) -> str:
    """Register somebody by the code that proves the phone, and return the account's id."""
    asked = post(stage, "/v1/registrations", wanted)["id"]
    token = post(stage, f"/v1/registrations/{asked}/proof", {"code": code_of(asked, "registration")})["access_token"]
    account: str = stage.flask.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json["id"]
    return account


def seed_needs(stage: Stage) -> None:
    """A household; needs waiting, published and hidden, its own and the agent's, with photos; drafts; a sample of each; pledges.

    Each giver has a pledge, of which something came back.
    """
    event = stage.about(HouseholdRegistered)
    stage.hear(event)
    settings = f"/v1/review-settings?region={stage.village[:4]}"
    assert stage.client.put(settings, {"sample_per_mille": 1_000}, by=stage.operator).status_code == 200
    wanted = {"category": "food.rice", "quantity": 50, "reason": "家中断粮"}
    waiting, own = (post(stage, "/v1/needs", wanted, "household") for _ in range(2))
    stage.seen["staff", "/v1/needs"].append(waiting)
    post(stage, f"/v1/needs/{own['id']}/verification", {}, "staff")
    on_behalf = wanted | {"household_id": str(event.household_id), "consent": "slip"}
    post(stage, "/v1/needs", on_behalf, "staff")
    post(stage, "/v1/drafts", wanted, "household")
    post(stage, "/v1/drafts", on_behalf, "staff")
    seed_need_photos(stage, own["id"])
    hidden = post(stage, "/v1/needs", wanted, "household")
    post(stage, f"/v1/needs/{hidden['id']}/verification", {}, "staff")
    for kind in sorted(GIVERS)[:5]:
        post(stage, f"/v1/needs/{hidden['id']}/report", {"reason": "absurd"}, kind)
    seed_need_lists(stage, str(event.household_id))
    for giver in sorted(GIVERS):
        pledge = {"category": "food", "unit": "kg", "quantity": 9, "region": stage.village[:2]}
        pledge |= {"valid_until": soon(), "best_before": soon()}
        made = post(stage, "/v1/pledges", pledge, giver)
        returned = stage.about(MatchReceived, giver, pledge_id=UUID(made["id"]), quantity=9, sent=9, received=1, version=4)
        stage.hear(returned)
        stage.recipes["offer_again", giver] = {"match_id": str(returned.match_id), "quantity": 1}
    stage.words |= {
        "household_id": [str(event.household_id)],
        "category": ["food.rice"],
        "categories": ["food", "food.rice,medical"],
        "urgencies": ["critical,urgent,normal"],
        "q": ["大米"],
        "near": [stage.village],
        "unit": ["kg"],
        "region": [stage.village[:4], stage.village[:2]],
        "valid_until": [soon()],
        "best_before": [soon()],
        "quantity": [1, 60],
        "decisions": [[{"need_id": waiting["id"], "act": "verify"}]],
        "limits": [[{"kind": "donor", "trust": "new", "limit": "units", "most": 60}]],
        "specification": [{}],
        "sets": [["pandemic"], None],
        "items": [[{"category": "household.phone", "most": 2}], []],
        "forbidden": [[{"words": ["弹弓"], "instead": ["education.books"]}], []],
        "name": ["遂宁市慈善会"],
        "registration_number": [credit_code_of(2), credit_code_of(3)],
        "last_day": ["2090-12-31"],
        "public": [True],
    }
    charity = {"region": stage.village[:4], "name": "某市慈善总会", "registration_number": credit_code_of(1), "last_day": "2090-12-31"}
    assert stage.client.post("/v1/charities", charity, by=stage.operator).status_code == 201


def credit_code_of(number: int) -> str:
    """Return the unified social credit code of an organisation that does not exist."""
    start = f"53510900MJQ{number:06}"
    return start + str(uscc.calc_check_digit(start))


def seed_need_lists(stage: Stage, household_id: str) -> None:
    """Post a list; provide a spreadsheet of each accepted type."""
    from chassis.testing.workbooks import sheet, workbook
    from needs.imports.api import TYPES

    line = {"row": 2, "item": "东北大米", "category": "food.rice", "quantity": 5}
    wanted = {"household_id": household_id, "consent": "slip", "reason": "家中断粮", "lines": [line]}
    stage.seen["staff", "/v1/need-lists"].append(post(stage, "/v1/need-lists", wanted, "staff"))
    seed_need_imports(stage, household_id)
    # A workbook is read whatever stands behind it, so that each test may send another one.
    stage.files |= dict.fromkeys(TYPES, workbook({"清单": sheet([["物品名称", "数量"], ["大米", "50公斤"], ["被子", "大量"]])}))
    stage.words |= {"lines": [[line]]}
    stage.recipes["post_need_list", "staff"] = wanted
    stage.recipes["send_need_table", "staff"] = {"region": stage.village}
    for at, giver in enumerate(sorted(GIVERS)):
        offered = {"category": "food.rice", "quantity": 5, "note": f"第 {at} 批", "best_before": soon()}
        listed = {"valid_until": soon(), "region": "", "lines": [offered]}
        stage.seen[giver, "/v1/pledge-lists"].append(post(stage, "/v1/pledge-lists", listed, giver))
        stage.recipes["offer_pledge_list", giver] = listed | {"lines": [offered | {"again": True}]}


def seed_need_imports(stage: Stage, household_id: str) -> None:
    """Let a table of the village wait for its confirmation, with an item that has an unknown name."""
    from chassis.imports.work import work_on_due
    from needs.imports.tables import IMPORTS

    table = f"户编号,物品,数量,理由,同意方式\n{household_id},大米,5,家中断粮,slip\n{household_id},铺盖卷儿,2,御寒,slip\n".encode()
    asked, signed = {"region": stage.village}, {"Authorization": f"Bearer {stage.token('staff')}"}
    sent = stage.flask.post("/v1/need-imports", query_string=asked, data=table, content_type="text/csv", headers=signed)
    assert work_on_due(IMPORTS, stage.database) == 1
    stage.seen["staff", "/v1/need-imports"].append(stage.client.get(sent.headers["Location"], by=stage.people["staff"]).json)
    stage.words |= {
        "settled_names": [[{"item": "铺盖卷儿", "category": "clothing.quilt"}]],
        "columns": [[{"heading": "备注", "field": None}]],
    }


def seed_need_photos(stage: Stage, need_id: str) -> None:
    """Add two photos to a published need, one of them public, and provide a file of each accepted type."""
    draw_files(stage)
    path, signed = f"/v1/needs/{need_id}/photos", {"Authorization": f"Bearer {stage.token('household')}"}
    for media_type in ("image/png", "image/webp"):
        photo = stage.flask.post(path, data=stage.files[media_type], content_type=media_type, headers=signed).json
    post(stage, f"/v1/need-photos/{photo['id']}/publication", {"public": True}, "staff")
    for kind in stage.people:
        stage.seen[kind, "/v1/need-photos"] += stage.client.get(path, by=stage.people[kind]).json["items"]


def draw_files(stage: Stage) -> None:
    """Provide a small picture of each accepted type, another one in each village."""
    from PIL import Image

    pixels = hashlib.shake_256(stage.village.encode()).digest(8 * 8 * 3)
    for kind in ("jpeg", "png", "webp"):
        file = io.BytesIO()
        Image.frombytes("RGB", (8, 8), pixels).save(file, kind)
        stage.files[f"image/{kind}"] = file.getvalue()


def seed_matching(stage: Stage) -> None:
    """Make for every giver a proposed, promised, sent, received and refused match, one more need, and open pledges."""
    from matching.allocation.score import DEFAULT
    from matching.balance import actions as balance
    from matching.clearing import actions as clearing
    from matching.slips import actions as slips

    stated = {"category": "food.rice", "unit": "kg", "version": 1}
    valid_until, scope = datetime.now(UTC) + timedelta(days=30), {"region": stage.village[:2]}
    for giver in sorted(GIVERS):
        for number in range(5):
            own = stated | {"category": f"food.{giver}{number}"}
            stage.hear(stage.about(PledgeOffered, giver, **own | scope | {"quantity": 100, "valid_until": valid_until}))
            stage.hear(stage.about(NeedPublished, **own | {"quantity": 50}))
    with stage.database.begin() as session:
        assert clearing.clear(session, timedelta(days=3)).proposals == 5 * len(GIVERS)
    tokens = []
    for giver in sorted(GIVERS):
        proposed = sorted(stage.client.get("/v1/matches", by=stage.people[giver]).json["items"], key=lambda match: match["category"])
        acts = [
            ("acceptance", {}, giver),
            ("sending", {"carrier": "in_person"}, giver),
            ("receipt", {"quantity": 9, "reason": "short"}, "household"),
        ]
        post(stage, f"/v1/matches/{proposed.pop()['id']}/refusal", {"reason": "too_far"}, giver)
        for many, match in enumerate(proposed):
            for act, body, kind in acts[:many]:
                post(stage, f"/v1/matches/{match['id']}/{act}", body, kind)
        with stage.database.begin() as session:
            tokens.append(slips.print_slip(session, Caller(stage.agent.id, "staff", session), UUID(proposed[2]["id"]))[2])
    need = stage.about(NeedPublished, **stated | {"quantity": 10})
    stage.hear(need)
    for giver in sorted(GIVERS):
        pledge = stage.about(PledgeOffered, giver, **stated | scope | {"quantity": 100, "valid_until": valid_until})
        stage.hear(pledge)
        stage.seen[giver, "/v1/pledges"].append({"id": str(pledge.pledge_id)})
        post(stage, "/v1/holds", {"need_id": str(need.need_id), "quantity": 1}, giver)
    with stage.database.begin() as session:
        assert balance.update_balance(session)
    stage.words |= {"need_id": [str(need.need_id)], "quantity": [1], "token": tokens, "category": ["food.rice"]} | {
        "region": [scope["region"]]
    }
    stage.words |= {name: [weight] for name, weight in asdict(DEFAULT).items() if name != "version"}
    show_thank_and_appeal(stage)
    dispute(stage)


def dispute(stage: Stage) -> None:
    """Dispute, answer and raise the deliveries of every giver but one."""
    acts = [("answer", {"outcome": "dismissed", "answer": "邻居代收了"}, "staff"), ("raising", {}, "household")]
    for many, giver in enumerate(sorted(GIVERS - {"volunteer"})):
        [sent] = stage.client.get("/v1/matches", by=stage.people[giver], state="sent").json["items"]
        disputed = post(stage, f"/v1/matches/{sent['id']}/dispute", {"cause": "not_arrived", "text": "没有收到"}, giver)
        for act, body, kind in acts[:many]:
            post(stage, f"/v1/disputes/{disputed['id']}/{act}", body, kind)


def show_thank_and_appeal(stage: Stage) -> None:
    """Add photos to each delivered match, thanks and appeals of two givers, and a file of each accepted type."""
    draw_files(stage)
    for giver in sorted(GIVERS):
        for match in stage.client.get("/v1/matches", by=stage.people[giver]).json["items"]:
            path = f"/v1/matches/{match['id']}/photos"
            for kind in (giver, "household"):
                signed = {"Authorization": f"Bearer {stage.token(kind)}"}
                stage.flask.post(path, data=stage.files["image/png"], content_type="image/png", headers=signed)
            if giver in {"donor", "merchant"}:
                stage.client.post(f"/v1/matches/{match['id']}/thanks", {"text": "谢谢"}, by=stage.people["household"])
            for kind in stage.people:
                stage.seen[kind, "/v1/photos"] += stage.client.get(path, by=stage.people[kind]).json.get("items", [])
    for giver in ("donor", "merchant"):
        for mark in stage.client.get("/v1/marks", by=stage.people[giver]).json["items"]:
            post(stage, f"/v1/marks/{mark['id']}/appeal", {"text": "一件不少"}, giver)


def make_one_of_everything(stage: Stage) -> None:
    """Post to every list as every allowed kind of user, for a service without seeds of its own."""
    for operation in operations_of(stage):
        if operation.method == "post" and "{" not in operation.path and not is_change(operation):
            for kind in sorted(stage.people.keys() & set(operation.definition.raw["x-who"])):
                for turn in range(20):
                    if stage.client.post(operation.path, plausible(stage, operation, kind, turn), by=stage.people[kind]).status_code < 300:
                        break


WORDS = {
    "zh": {"title": "已收到您的答复", "text": "您这次没有答应{{ offer }}（{{ reason_label }}）。"},
    "en": {"title": "We have your answer", "text": "You declined to {{ offer }} ({{ reason_label }})."},
}
"""Words of a region for `match_refused.giver`."""


def seed_notify(stage: Stage) -> None:
    """Let all SMS and mails fail, also to a household without an account, so that its village has to tell it."""
    open_names_door()
    os.environ.setdefault("VAPID_PUBLIC_KEY", p256_keys("VAPID")["VAPID_PUBLIC_KEY"])
    for kind in stage.people:
        keys = {"p256dh": p256_keys("VAPID")["VAPID_PUBLIC_KEY"], "auth": "A" * 22}
        subscription = {"endpoint": f"https://fcm.googleapis.com/fcm/send/{new_id().hex}", "keys": keys}
        post(stage, "/v1/push-subscriptions", subscription, kind)
        stage.words |= {"keys": [keys], "endpoint": [f"https://fcm.googleapis.com/fcm/send/{new_id().hex}"]}
        stage.recipes["add_wechat_link", kind] = {"code": "0a1b2c3d4e5f"}
        stage.recipes["add_push_subscription", kind] = {"endpoint": f"https://fcm.googleapis.com/fcm/send/{new_id().hex}", "keys": keys}
    stage.hear(stage.about(MatchAccepted, account_id=None, household_id=new_id()))
    while claimed := _claim(stage):
        with stage.database.begin() as session:
            for one in claimed:
                messages.fail(session, one, "permanent-failure", "no_address")
    listed = [item["id"] for item in stage.client.get("/v1/work-list", by=stage.agent).json["items"]]
    stage.recipes["tell_households", "staff"] = {"ids": listed[:1]}
    stage.recipes["print_work_list", "staff"] = {"region": stage.village}
    stage.words["reason"] = ["no_address"]
    stage.words["channels"] = [["sms", "email"], ["email"]]
    stage.words["time_zone"] = ["Asia/Shanghai", None]
    stage.words["quiet_hours"] = [{"since": "22:00", "until": "07:00"}, None]
    stage.words["urgent_passes"] = [True, False]
    stage.words["sms_per_day"] = [3]
    stage.words |= {"channel": ["webhook"], "address": ["https://hooks.example.org/duijie"], "kinds": [["endpoint_disabled"]]}
    stage.words["code"] = ["ABCDEFGH"]
    hook = {"channel": "webhook", "name": "仓库系统", "address": "https://hooks.example.org/duijie", "kinds": ["endpoint_disabled"]}
    bot = {"channel": "wecom", "address": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789abcdef"}
    of_office = hook | {"region": stage.village[:9]}
    stage.recipes["register_endpoint", "staff"] = of_office
    made = [
        post(stage, "/v1/endpoints", wanted, kind)
        for kind, wanted in (("merchant", hook), ("organisation", hook), ("staff", of_office | bot))
    ]
    with stage.database.begin() as session:
        for one in made:
            session.get_one(Endpoint, UUID(one["id"])).proof = "ABCDEFGH"
    post(stage, f"/v1/endpoints/{made[1]['id']}/proof", {"code": "ABCDEFGH"}, "organisation")
    # Words belong to counties and wider regions.
    stage.words["region"] = [stage.village[:2]]
    stage.words["words"] = [WORDS, None]
    for operation in ("get_notice_template", "set_notice_template", "preview_notice_template"):
        recipe = {"template_id": "match_refused.giver"} | ({} if operation.startswith("get") else {"words": WORDS})
        stage.recipes[operation, ""] = recipe
    stage.words["until"] = [
        item["id"] for kind in stage.people for item in stage.client.get("/v1/notices", by=stage.people[kind]).json["items"]
    ]


def _claim(stage: Stage) -> list[messages.Claimed]:
    with stage.database.begin() as session:
        return messages.claim(session, 1000)


SEEDS: Mapping[str, Callable[[Stage], None]] = {
    "users": seed_users,
    "needs": seed_needs,
    "matching": seed_matching,
    "notify": seed_notify,
}


def post(stage: Stage, path: str, body: Mapping[str, Any], kind: str | None = None) -> Any:
    answer = stage.client.post(path, body, by=stage.people[kind] if kind else None)
    assert answer.status_code in {200, 201, 202}, answer.json
    return answer.json
