"""Cases that offices handed in: tables that were misread, changes that were impossible, codes that nobody knew any more."""

from typing import Any

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.workbooks import sheet, workbook

from .conftest import VILLAGE, household, national_id, phone
from .test_imports import households, imported, outcomes, refused, row, sent, table

SHORT = ["姓名", "身份证号", "联系电话"]


def lines(*written: str) -> bytes:
    return "\r\n".join(written).encode()


def test_two_columns_of_names_refuse_the_heading(client: Client, database: RolledBack, village: Person) -> None:
    failed = sent(client, database, village, lines("national_id,name,name", f"{national_id()},卫𠮷,李四"))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "heading_twice")
    assert "name" in failed["problem"]["title"]
    assert households(database) == []


def test_rare_character_that_gbk_lost_refuses_the_row(client: Client, database: RolledBack, village: Person) -> None:
    content = lines("姓名,身份证号", f"卫𠮷,{national_id()}", f"欧阳守田,{national_id()}").decode().encode("gbk", "replace")
    done = imported(client, database, village, content)
    assert outcomes(done["written"]) == {"new": 1, "refused": 1}
    assert [one["问题代码 code"] for one in refused(client, village, done)] == ["cell_lost"]
    assert [one.name for one in households(database)] == ["欧阳守田"]


def test_row_that_ends_in_commas_is_read(client: Client, database: RolledBack, village: Person) -> None:
    done = imported(client, database, village, lines(",".join(SHORT), f"卫𠮷,{national_id()},,,"))
    assert outcomes(done["written"]) == {"new": 1}


def test_blank_rows_are_passed_over(client: Client, database: RolledBack, village: Person) -> None:
    content = lines(",".join(SHORT), ",,,", f"卫𠮷,{national_id()},", "", ",,,", f"李四,{national_id()},")
    assert outcomes(imported(client, database, village, content)["written"]) == {"new": 2}


def test_heading_with_a_space_is_read(client: Client, database: RolledBack, village: Person) -> None:
    content = lines('"name ",national_id', f"卫𠮷,{national_id()}")
    assert outcomes(imported(client, database, village, content)["written"]) == {"new": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_table_in_utf16_is_read(client: Client, database: RolledBack, village: Person, encoding: str) -> None:
    content = table(row("卫𠮷"), encoding=encoding)
    assert outcomes(imported(client, database, village, content)["written"]) == {"new": 1}
    assert [one.name for one in households(database)] == ["卫𠮷"]


def test_workbook_is_read(client: Client, database: RolledBack, village: Person) -> None:
    content = workbook({"名单": sheet([SHORT, ["卫𠮷", national_id(), phone()]])})
    assert outcomes(imported(client, database, village, content)["written"]) == {"new": 1}


def test_one_telephone_of_two_rows_is_shared(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    done = imported(client, database, village, table(row("卫𠮷", telephone=number), row("李四", telephone=number)))
    assert outcomes(done["written"]) == {"new": 2}
    listed = client.get("/v1/households", by=village).json["items"]
    assert [(one["contact_phone"], one["phone_kind"]) for one in listed] == [(number, "shared")] * 2


def test_household_is_corrected(client: Client, village: Person) -> None:
    made = client.post("/v1/households", household(), by=village).json
    changed = client.patch(f"/v1/households/{made['id']}", {"name": "卫𠮷", "size": 2}, by=village)
    assert (changed.status_code, changed.json["name"], changed.json["size"]) == (200, "卫𠮷", 2)


def test_same_number_in_a_new_village_is_registered(client: Client, database: RolledBack, village: Person) -> None:
    number, elsewhere = national_id(), "510904001001"
    assert client.post("/v1/households", household(national_id=number), by=village).status_code == 201
    stranger = administrator_of(database, elsewhere)
    answer = client.post("/v1/households", household(national_id=number, region=elsewhere), by=stranger)
    assert answer.status_code == 201
    assert VILLAGE not in answer.text


def test_widow_becomes_the_head(client: Client, village: Person) -> None:
    made = client.post("/v1/households", household(), by=village).json
    widow = {"name": "李秀兰", "national_id": national_id(), "reason": "died"}
    headed = client.post(f"/v1/households/{made['id']}/head", widow, by=village)
    assert (headed.status_code, headed.json["id"], headed.json["name"]) == (201, made["id"], "李秀兰")


def test_telephone_is_added_later(client: Client, village: Person) -> None:
    made, number = client.post("/v1/households", household(), by=village).json, phone()
    assert made["contact_phone"] is None
    changed = client.patch(f"/v1/households/{made['id']}", {"phone": number}, by=village)
    assert (changed.status_code, changed.json["contact_phone"]) == (200, number)


ENDED = {"133100": "130629 容城县", "500157": "500112 渝北区", "330104": "330102 上城区"}


@pytest.mark.parametrize("code", ENDED)
def test_code_with_several_successors_names_them(client: Client, village: Person, code: str) -> None:
    answer = client.get("/v1/households", by=village, region=code)
    assert answer.status_code == 422
    [error] = answer.json["errors"]
    assert error["code"] == "region_ended"
    assert ENDED[code] in error["message"]


SUCCEEDED = {"510626": "510604", "510626100001": "510604100001"}


@pytest.mark.parametrize("code", SUCCEEDED)
def test_code_with_one_successor_is_read_as_it(client: Client, database: RolledBack, code: str) -> None:
    present = SUCCEEDED[code]
    manager = administrator_of(database, present)
    there = "510604100001"
    made: Any = client.post("/v1/households", household(region="510626100001"), by=manager)
    assert (made.status_code, made.json["region"]) == (201, there)
    listed = client.get("/v1/households", by=manager, region=code).json["items"]
    assert [one["region"] for one in listed] == [there]
    done = imported(client, database, manager, table(row(village="510626100001")), region=code)
    assert (done["region"], outcomes(done["written"])) == (present, {"new": 1})
