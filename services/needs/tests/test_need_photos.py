"""Photos of needs: for the need's side and its reviewers, and for the public only where a reviewer shows them."""

import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import altered, unguarded
from contracts.users import PersonErased
from needs.erasure import actions as erasure
from needs.photos import rules
from needs.photos.rules import MOST_PHOTOS

from .conftest import VILLAGE, household_in, rice


def picture(width: int = 60, colour: str = "red") -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "WHERE-AND-WITH-WHAT"
    file = io.BytesIO()
    Image.new("RGB", (width, 40), colour).save(file, "JPEG", exif=exif)
    return file.getvalue()


def add(client: Client, need: str, by: Person | None, data: bytes, kind: str = "photos", **headers: str) -> Any:
    return client.flask.post(f"{need}/{kind}", data=data, content_type="image/jpeg", headers=client._headers(by) | headers)


@pytest.fixture
def account(database: RolledBack) -> Person:
    person = Person("household")
    household_in(database, VILLAGE, person)
    return person


@pytest.fixture
def need(client: Client, account: Person) -> str:
    return f"/v1/needs/{client.post('/v1/needs', rice(), by=account).json['id']}"


def test_own_side_adds_photos_and_reviewers_see_them(
    client: Client, database: RolledBack, account: Person, town: Person, need: str
) -> None:
    photo = add(client, need, account, picture())
    assert (photo.status_code, photo.json["kind"], photo.json["is_public"]) == (201, "need", False)
    path = photo.headers["Location"]
    for reader in (account, town, auditor_of(database, VILLAGE[:6])):
        image = client.get(f"{path}/image", by=reader)
        assert (image.status_code, image.headers["Content-Type"], image.headers["Cache-Control"]) == (
            200,
            "image/jpeg",
            "private, no-cache",
        )
        assert b"WHERE-AND-WITH-WHAT" not in image.data
    seen = {"If-None-Match": image.headers["ETag"]}
    assert client.get(f"{path}/image", by=town, headers=seen).status_code == 304
    client.post(f"{need}/verification", by=town)
    for stranger in (None, Person("donor"), Person("household"), administrator_of(database, "510923")):
        assert client.get(f"{path}/image", by=stranger).status_code == 404
        assert client.get(path, by=stranger).status_code == 404
        assert client.get(f"{need}/photos", by=stranger).json["items"] == []
    for other in (town, Person("household")):
        assert add(client, need, other, picture(9)).status_code in {403, 404}
    assert add(client, need, None, picture(9)).status_code == 401


PUBLIC = "photo.is_public and "


@pytest.mark.parametrize("guard", [PUBLIC, unguarded("", "without the flag, everybody sees every photo")])
def test_public_sees_photos_that_a_reviewer_shows(
    client: Client, account: Person, town: Person, need: str, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(rules, "may_see_photo", altered(rules.may_see_photo, PUBLIC, guard))
    path = add(client, need, account, picture()).headers["Location"]
    assert client.post(f"{path}/publication", {"public": True}, by=account).status_code == 403
    client.post(f"{need}/verification", by=town)
    assert client.get(f"{path}/image").status_code == 404
    shown = client.post(f"{path}/publication", {"public": True}, by=town)
    assert (shown.status_code, shown.json["is_public"], shown.json["version"]) == (201, True, 2)
    assert client.get(f"{path}/image").status_code == 200
    assert [one["id"] for one in client.get(f"{need}/photos").json["items"]] == [shown.json["id"]]
    assert client.post(f"{path}/publication", {"public": False}, by=town, headers={"If-Match": '"1"'}).json["code"] == "stale"
    client.post(f"{path}/publication", {"public": False}, by=town)
    assert client.get(f"{path}/image").status_code == 404
    acts = [row["act"] for row in client.get(f"{need}/history", by=account).json["items"]]
    assert acts == ["photo_hidden", "photo_shown", "published", "photo_added", "posted"]


def test_same_file_is_one_photo_and_a_need_has_four(client: Client, account: Person, need: str) -> None:
    first, again = add(client, need, account, picture()), add(client, need, account, picture())
    assert (again.status_code, again.json) == (201, first.json)
    for width in range(1, MOST_PHOTOS["need"]):
        assert add(client, need, account, picture(width)).status_code == 201
    assert "add_need_photo" not in client.get(need, by=account).json["allowed"]
    assert add(client, need, account, picture(99)).json["code"] == "enough_photos"
    assert client.post(f"{first.headers['Location']}/removal", by=account).status_code == 201
    assert client.get(f"{first.headers['Location']}/image", by=account).json["code"] == "photo_removed"
    assert "add_need_photo" in client.get(need, by=account).json["allowed"]
    assert add(client, need, account, b"no picture").json["code"] == "photo_unreadable"


def test_consent_by_a_photo_of_the_slip_needs_the_photo(client: Client, town: Person, village: Person, household: UUID) -> None:
    wanted = rice(household_id=str(household), consent="slip_photo")
    need = f"/v1/needs/{client.post('/v1/needs', wanted, by=village).json['id']}"
    assert client.get(need, by=village).json["consent"] == "slip_photo"
    refused = client.post(f"{need}/verification", by=town)
    assert (refused.status_code, refused.json["code"]) == (422, "consent_photo_needed")
    slip = add(client, need, village, picture(), "consent-photos")
    assert (slip.status_code, slip.json["kind"]) == (201, "consent")
    assert client.post(f"{slip.headers['Location']}/publication", {"public": True}, by=town).json["code"] == "not_allowed"
    assert client.get(f"{slip.headers['Location']}/image", by=town).status_code == 200
    assert client.post(f"{need}/verification", by=town).status_code == 201
    assert client.post(f"{slip.headers['Location']}/removal", by=village).json["code"] == "state_conflict"
    assert client.get(f"{need}/photos").json["items"] == []
    assert client.get(need).json["consent"] is None


def test_household_adds_no_slip_to_its_own_post(client: Client, account: Person, need: str) -> None:
    assert add(client, need, account, picture(), "consent-photos").json["code"] == "not_allowed"


def test_administrators_remove_photos_of_a_need(client: Client, account: Person, town: Person, need: str) -> None:
    path = add(client, need, account, picture()).headers["Location"]
    assert client.post(f"{path}/removal", by=Person("household")).status_code == 404
    assert client.post(f"{path}/removal", by=town).json["removed_at"]
    assert client.post(f"{path}/removal", by=account).json["code"] == "state_conflict"


def test_photos_are_encrypted_and_go_with_the_person(client: Client, database: RolledBack, account: Person, need: str) -> None:
    photo = add(client, need, account, picture())
    served = client.get(f"{photo.headers['Location']}/image", by=account).data
    with database.begin() as session:
        stored = bytes(session.scalar(text("SELECT data FROM need_photos")))  # type: ignore[arg-type]
    assert served[:100] not in stored
    erased = PersonErased(version=2, person_id=account.id, account_id=account.id, household_id=None, erased_at=datetime.now(UTC))
    with database.begin() as session:
        erasure.erase_people(session, [erased])
        assert session.scalar(text("SELECT data FROM need_photos")) is None


def test_photos_of_old_needs_are_erased(client: Client, database: RolledBack, account: Person, need: str) -> None:
    add(client, need, account, picture())
    with database.begin() as session:
        erasure.erase_old_texts(session)
        assert session.scalar(text("SELECT count(data) FROM need_photos")) == 1
        session.execute(text("UPDATE needs SET ended_at = now() - interval '1096 days'"))
        erasure.erase_old_texts(session)
        assert session.scalar(text("SELECT count(data) FROM need_photos")) == 0


def test_same_photo_of_two_needs_is_shown_to_the_reviewer(
    client: Client, database: RolledBack, account: Person, town: Person, need: str
) -> None:
    other = Person("household")
    household_in(database, VILLAGE, other)
    second = f"/v1/needs/{client.post('/v1/needs', rice(category='household.phone', quantity=1, reason='孩子上网课'), by=other).json['id']}"
    for path, by in ((need, account), (second, other)):
        assert add(client, path, by, picture()).status_code == 201
    [found] = client.get(second, by=town).json["duplicates"]
    assert (found["need_id"], found["likeness"]) == (need[-36:], "same_photo")
