"""The commands that appoint the first administrator and import a list of accounts."""

import csv
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.data.database import Database
from chassis.testing import workbooks
from chassis.testing.fixtures import Client
from chassis.testing.twins import unguarded
from contracts.users import AdministratorAppointed, HouseholdRegistered, UserRegistered
from users import appoint_first, import_accounts, import_regions
from users.regions import actions
from users.sessions.tokens import SigningKeys

from .conftest import PASSWORD, client_of, donor, enter_account, household, national_id, pending, person_of, phone

COLUMNS = ["kind", "phone", "name", "password", "region", "campaign", "national_id", "status", "manages"]


@pytest.fixture
def database(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    url = database_of("users", "users_commands")
    monkeypatch.setenv("USERS_DATABASE_URL", url)
    database = Database(url, name="tests")
    yield database
    database.close()


@pytest.fixture
def client(database: Database, signing: SigningKeys) -> Client:
    return client_of(database, signing)


def appoint_first_by_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, **given: str) -> Any:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    given = {"phone": "13911112222", "name": "林默", "region": "5109", "password-file": str(tmp_path / "password")} | given
    appoint_first.main([part for name, value in given.items() for part in (f"--{name}", value)])
    return json.loads(capsys.readouterr().out)


def import_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: list[dict[str, str]], **more: str) -> dict[str, int]:
    with (tmp_path / "list.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    import_accounts.main([str(tmp_path / "list.csv"), *(part for name, value in more.items() for part in (f"--{name}", value))])
    result: dict[str, int] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_first_administrator_can_appoint_others(
    database: Database, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = appoint_first_by_command(capsys, tmp_path)
    token = client.post("/v1/sessions", {"phone": "13911112222", "password": PASSWORD}).json["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    me = client.flask.get("/v1/me", headers=headers).json
    assert (me["id"], me["kind"], me["regions"]) == (made["account_id"], "staff", ["5109"])
    second = person_of(client, kind="staff").id
    body = {"account_id": second, "region": "510903"}
    assert client.flask.post("/v1/appointments", json=body, headers=headers).json["code"] == "second_factor_needed"
    secret = client.flask.post("/v1/me/second-factor", json={}, headers=headers).json["secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    confirmed = client.flask.post("/v1/me/second-factor/confirmation", json=code, headers=headers).json
    headers = {"Authorization": f"Bearer {confirmed['access_token']}"}
    assert client.flask.post("/v1/appointments", json=body, headers=headers).status_code == 201
    registered, appointed = pending(database)[:2]
    assert isinstance(registered, UserRegistered)
    assert isinstance(appointed, AdministratorAppointed)
    assert (appointed.appointed_by, appointed.region) == (None, "5109")


def test_appointing_the_first_again_changes_nothing(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = appoint_first_by_command(capsys, tmp_path)
    assert appoint_first_by_command(capsys, tmp_path, **{"phone": "+86 139 1111 2222", "password-file": "/nowhere"}) == made
    whole = appoint_first_by_command(capsys, tmp_path, region="")
    assert (whole["account_id"], whole["appointment_id"] == made["appointment_id"]) == (made["account_id"], False)
    assert len(pending(database)) == 3


@pytest.mark.parametrize("given", [{"phone": "123"}, {"region": "999"}, {"name": ""}])
def test_invalid_arguments_appoint_nobody(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, str]
) -> None:
    with pytest.raises(SystemExit, match="not right"):
        appoint_first_by_command(capsys, tmp_path, **given)
    assert pending(database) == []


def test_an_account_other_than_staff_is_not_appointed(client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enter_account(client, phone="13911112222")
    with pytest.raises(SystemExit, match="not a staff account"):
        appoint_first_by_command(capsys, tmp_path)


def test_accounts_households_and_administrators_are_imported(
    database: Database, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        donor(campaign="spring-2026", region="5109"),
        donor(kind="staff", manages="510903001"),
        household(kind="household", phone=phone(), password=PASSWORD),
        household(kind="household"),
        {**donor(kind="volunteer"), "password": ""},
    ]
    result = import_rows(capsys, tmp_path, rows, ids=str(tmp_path / "ids.csv"))
    assert result == {"imported": 5, "refused": 0}
    ids = read(tmp_path / "ids.csv")
    assert [one["row"] for one in ids] == ["2", "3", "4", "5", "6"]
    assert ids[0]["phone"] == f"+86{rows[0]['phone']}"
    events = pending(database)
    assert [type(event) for event in events].count(UserRegistered) == 4
    [appointed] = [event for event in events if isinstance(event, AdministratorAppointed)]
    assert (appointed.region, appointed.appointed_by, str(appointed.user_id)) == ("510903001", None, ids[1]["account_id"])
    entered = {str(event.household_id): event for event in events if isinstance(event, HouseholdRegistered)}
    assert str(entered[ids[2]["household_id"]].account_id) == ids[2]["account_id"]
    assert entered[ids[3]["household_id"]].account_id is None
    tokens = [client.post("/v1/sessions", {"phone": row["phone"], "password": PASSWORD}) for row in (*rows[:3], rows[4])]
    assert [answer.status_code for answer in tokens] == [201, 201, 201, 401]
    me = client.flask.get("/v1/me", headers={"Authorization": f"Bearer {tokens[1].json['access_token']}"}).json
    assert me["regions"] == ["510903001"]


def test_a_list_brought_in_twice_changes_nothing_the_second_time(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [donor(), household(kind="household", phone=phone()), household(kind="household"), donor(kind="staff", manages="51")]
    files = {"ids": str(tmp_path / "ids.csv"), "refused": str(tmp_path / "refused.csv")}
    assert import_rows(capsys, tmp_path, rows, **files) == {"imported": 4, "refused": 0}
    before, ids = pending(database), read(tmp_path / "ids.csv")
    assert import_rows(capsys, tmp_path, rows, **files) == {"imported": 0, "refused": 4}
    assert pending(database) == before
    assert read(tmp_path / "ids.csv") == ids
    assert [one["code"] for one in read(tmp_path / "refused.csv")] == [
        "phone_taken", "household_registered", "household_registered", "phone_taken",
    ]  # fmt: skip


def test_refused_rows_are_listed_and_the_rest_is_imported(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number, twice = phone(), national_id()
    rows: list[tuple[dict[str, str], tuple[str, str] | None]] = [
        (donor(phone=number), None),
        (donor(phone=f"+86{number}"), ("phone", "phone_taken")),
        (donor(phone="12345"), ("phone", "text_form")),
        (donor(kind="king"), ("kind", "not_a_choice")),
        (donor(name=" "), ("name", "required")),
        (donor(region="5199"), ("region", "unknown_region")),
        (donor(password="11111111"), ("password", "weak_password")),
        (donor(manages="5109"), ("manages", "unknown")),
        (donor(kind="staff", manages="99"), ("manages", "unknown_region")),
        (donor(national_id=national_id()), ("national_id", "unknown")),
        (household(kind="household", national_id=twice), None),
        (household(kind="household", national_id=twice.lower(), phone=phone()), ("national_id", "household_registered")),
        (household(kind="household", region="5109"), ("region", "unknown_region")),
        (household(kind="household", password=PASSWORD), ("phone", "required")),
        (household(kind="household", phone=number, password=PASSWORD), ("phone", "phone_taken")),
        (household(kind="household", phone=number), None),
        (household(kind="household", phone=number), None),
        (household(kind="household", phone="0825-2223344", password=PASSWORD), ("phone", "text_form")),
    ]
    result = import_rows(capsys, tmp_path, [row for row, _ in rows], refused=str(tmp_path / "refused.csv"))
    assert result == {"imported": 4, "refused": 14}
    listed = [(int(one["row"]), one["field"], one["code"]) for one in read(tmp_path / "refused.csv")]
    assert listed == [(place, *why) for place, (_, why) in enumerate(rows, start=2) if why]
    assert len(pending(database)) == 4


def test_imported_names_and_phones_pass_the_profile(
    database: Database, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = phone()
    rows = [
        donor(name="阿依古丽•买买提", phone=f"\u202a+86 {number}\u202c"),
        donor(name="李\u200b四"),
        donor(name="\u3164"),
        donor(name="Аlice"),
        household(kind="household", name="王ニ"),
        household(kind="household", name="卫𠮷", national_id=f"\u00a0{national_id()}\u200e"),
    ]
    refused = tmp_path / "refused.csv"
    assert import_rows(capsys, tmp_path, rows, refused=str(refused)) == {"imported": 2, "refused": 4}
    codes = ["text_invisible", "text_invisible", "name_scripts", "text_misleading"]
    assert [(one["field"], one["code"]) for one in read(refused)] == [("name", code) for code in codes]
    token = client.post("/v1/sessions", {"phone": number, "password": PASSWORD}).json["access_token"]
    assert client.flask.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json["name"] == "阿依古丽·买买提"


def test_a_list_in_gb18030_with_empty_rows_is_imported(
    database: Database, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    number = phone()
    rows = f"kind,phone,name,password\r\n\r\ndonor,{number},冯知微,{PASSWORD}\r\n,,,\r\n\r\ndonor,1,冯知微,{PASSWORD},extra\r\n"
    (tmp_path / "list.csv").write_bytes(rows.encode("gb18030"))
    import_accounts.main([str(tmp_path / "list.csv"), "--refused", str(tmp_path / "refused.csv")])
    assert json.loads(capsys.readouterr().out) == {"imported": 1, "refused": 1}
    assert [(one["row"], one["code"], one["name"]) for one in read(tmp_path / "refused.csv")] == [("6", "row_extra", "冯知微")]
    token = client.post("/v1/sessions", {"phone": number, "password": PASSWORD}).json["access_token"]
    assert client.flask.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json["name"] == "冯知微"


def test_a_list_longer_than_a_batch_is_imported_whole(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [household(kind="household", national_id=national_id(f"19{year}0101")) for year in (50, 60) for _ in range(550)]
    unique = {row["national_id"]: row for row in rows}
    assert import_rows(capsys, tmp_path, list(unique.values())) == {"imported": len(unique), "refused": 0}
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM households")) == len(unique) > import_accounts.BATCH


def test_a_workbook_with_chinese_headings_is_imported(
    database: Database, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet_of = [
        ["人员名单"], ["类型", "手机号", "姓名", "密码", "身份证号", "管理区域"],
        ["工作人员", (own := phone()), "林默", PASSWORD, "", "5109"],
        ["贫困户", "", "卫𠮷", "", national_id(), ""], ["爱心人士", workbooks.number("1.38E+10"), "冯知微", "", "", ""], ["合计", "3"],
    ]  # fmt: skip
    (tmp_path / "list.xlsx").write_bytes(workbooks.workbook({"名单": workbooks.sheet(sheet_of)}))
    import_accounts.main([str(tmp_path / "list.xlsx"), "--refused", str(tmp_path / "refused.csv")])
    assert json.loads(capsys.readouterr().out) == {"imported": 1, "refused": 3}
    assert [(one["row"], one["field"], one["code"]) for one in read(tmp_path / "refused.csv")] == [
        ("4", "region", "required"), ("5", "phone", "cell_digits"), ("6", "", "row_total"),
    ]  # fmt: skip
    assert client.post("/v1/sessions", {"phone": own, "password": PASSWORD}).status_code == 201


def test_no_row_of_a_list_swallows_another(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "kind,phone,name,password",
        f'donor,{phone()},"冯知微,{PASSWORD}',
        f"donor,{phone()},石门坎,{PASSWORD}",
        f'donor,{phone()},"王五",{PASSWORD}',
    ]
    (tmp_path / "list.csv").write_text("\r\n".join(lines), encoding="utf-8")
    import_accounts.main([str(tmp_path / "list.csv"), "--refused", str(tmp_path / "refused.csv")])
    assert json.loads(capsys.readouterr().out) == {"imported": 2, "refused": 1}
    assert [(one["row"], one["code"]) for one in read(tmp_path / "refused.csv")] == [("2", "row_quote")]


@pytest.mark.parametrize("content", ["kind,phone,name,name\ndonor,1,甲,乙\n", "甲,乙\n1,2\n", ""])
def test_a_list_that_cannot_be_read_ends_with_a_sentence(database: Database, tmp_path: Path, content: str) -> None:
    (tmp_path / "list.csv").write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match=r".+ · .+"):
        import_accounts.main([str(tmp_path / "list.csv")])
    assert pending(database) == []


def import_regions_by_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: str, *options: str) -> Any:
    (tmp_path / "regions.csv").write_text("code,name,valid_from,valid_until,successors\n" + rows)
    import_regions.main([str(tmp_path / "regions.csv"), *options])
    return json.loads(capsys.readouterr().out)


def test_regions_are_imported_once_after_a_dry_run(
    client: Client, database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = "659012,白杨市,,2026-01-01,659013\n659013,新白杨市,2026-01-01,,\n"
    dry = import_regions_by_command(capsys, tmp_path, rows, "--dry-run")
    assert (dry["is_imported"], client.get("/v1/regions/659012").json["code"]) == (False, "659012")
    done = import_regions_by_command(capsys, tmp_path, rows)
    assert (done["is_imported"], done["counts"]) == (True, dry["counts"])
    assert client.get("/v1/regions/659012").json["name"] == "新白杨市"
    again = import_regions_by_command(capsys, tmp_path, rows)
    assert set(again["counts"].values()) == {0}


@pytest.mark.parametrize(
    "allow", [actions.allow_long_pauses, unguarded(lambda _: None, "without it, the database ends a transaction that computes for long")]
)
def test_import_of_regions_may_compute_for_long(database: Database, allow: Any) -> None:
    is_ended = False
    try:
        with database.begin() as session:
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 50"))
            allow(session)
            time.sleep(0.2)
            session.execute(text("SELECT 1"))
    except DBAPIError:
        is_ended = True
    assert not is_ended


def test_a_refused_table_of_regions_ends_the_command(
    client: Client, database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="1 rows cannot be imported"):
        import_regions_by_command(capsys, tmp_path, "519901,甲,,,\n")
    assert json.loads(capsys.readouterr().out)["refused"][0]["row"] == 2


def test_an_imported_household_gets_its_present_village(database: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    row = household(kind="household", region="510626100001")
    assert import_rows(capsys, tmp_path, [row])["imported"] == 1
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM households WHERE region = '510604100001'")) == 1
