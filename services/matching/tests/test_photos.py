"""Photos of deliveries, shown to people of the match only."""

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from chassis.photos.image import MOST_BYTES
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of

from .conftest import VILLAGE
from .test_delivery import SENDING, Promise


def drawn(width: int = 60, height: int = 40) -> Image.Image:
    return Image.new("RGB", (width, height), "red")


def written(image: Image.Image, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


JPEG = written(drawn(200, 100))


@pytest.fixture
def sent(client: Client, database: RolledBack) -> Promise:
    promise = Promise(client, database)
    promise.does("sending", SENDING, promise.giver)
    return promise


def add(promise: Promise, by: Person | None, data: bytes = JPEG, media_type: str = "image/jpeg", **headers: str) -> Any:
    client = promise.client
    return client.flask.post(f"{promise.path}/photos", data=data, content_type=media_type, headers=client._headers(by) | headers)


def test_each_side_shows_what_it_says_itself(sent: Promise) -> None:
    assert add(sent, sent.giver).status_code == 201
    assert add(sent, sent.household).json["code"] == "state_conflict"
    sent.does("receipt", {}, sent.household)
    for width, person in enumerate((sent.household, sent.agent), 5):
        assert add(sent, person, written(drawn(9, width))).status_code == 201
    shown = sent.client.get(f"{sent.path}/photos", by=sent.giver).json["items"]
    assert [photo["side"] for photo in shown] == ["giver", "household", "household"]
    assert [photo["allowed"] for photo in shown] == [["remove_photo"], [], []]


def test_nobody_shows_what_was_only_promised(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    assert add(promise, promise.giver).json["code"] == "state_conflict"
    assert "add_photo" not in client.get(promise.path, by=promise.giver).json["allowed"]


def test_only_sides_and_administrators_see_a_photo(sent: Promise, database: RolledBack) -> None:
    photo = add(sent, sent.giver).headers["Location"]
    for path in (photo, f"{photo}/image"):
        concerned = (sent.giver, sent.household, sent.agent, administrator_of(database, VILLAGE[:6]))
        assert {sent.client.get(path, by=person).status_code for person in concerned} == {200}
        strangers = (sent.stranger, Person("donor"), Person("household"), Person("staff"))
        assert {sent.client.get(path, by=person).status_code for person in strangers} == {404}
        assert sent.client.get(path).status_code == 401
    assert {sent.client.get(f"{sent.path}/photos", by=person).status_code for person in strangers} == {404}
    assert {add(sent, person).status_code for person in strangers} == {404}
    image = sent.client.get(f"{photo}/image", by=sent.household)
    headers = ("Content-Type", "X-Content-Type-Options", "Cache-Control")
    assert [image.headers[name] for name in headers] == ["image/jpeg", "nosniff", "private, max-age=3600"]
    with Image.open(io.BytesIO(image.data)) as opened:
        assert opened.size == (200, 100)


def test_who_added_a_photo_removes_it_and_nothing_is_left(sent: Promise, database: RolledBack) -> None:
    photo = add(sent, sent.giver).headers["Location"]
    assert sent.client.post(f"{photo}/removal", by=sent.stranger).status_code == 404
    assert sent.client.post(f"{photo}/removal", by=sent.giver, headers={"If-Match": '"7"'}).status_code == 412
    assert sent.client.post(f"{photo}/removal", by=sent.giver).json["version"] == 2
    assert sent.client.post(f"{photo}/removal", by=sent.giver).json["code"] == "state_conflict"
    assert sent.client.get(f"{photo}/image", by=sent.giver).json["code"] == "photo_removed"
    assert sent.client.get(f"{sent.path}/photos", by=sent.giver).json["items"] == []
    with database.begin() as session:
        assert session.scalar(text("SELECT data FROM photos")) is None


def test_household_removes_any_photo_and_giver_only_its_own(sent: Promise) -> None:
    sent.does("receipt", {}, sent.household)
    ours, theirs = (add(sent, by).headers["Location"] for by in (sent.household, sent.giver))
    assert sent.client.post(f"{ours}/removal", by=sent.giver).status_code == 403
    assert sent.client.post(f"{theirs}/removal", by=sent.agent).status_code == 201
    assert sent.client.post(f"{ours}/removal", by=sent.agent).status_code == 201


def test_same_file_is_one_photo_and_a_side_has_four(sent: Promise) -> None:
    first, again = add(sent, sent.giver), add(sent, sent.giver)
    assert (again.status_code, again.json) == (201, first.json)
    for width in range(3):
        assert add(sent, sent.giver, written(drawn(20 + width, 20))).status_code == 201
    assert "add_photo" not in sent.client.get(sent.path, by=sent.giver).json["allowed"]
    assert add(sent, sent.giver, written(drawn(30, 20))).json["code"] == "enough_photos"
    assert add(sent, sent.giver).json == first.json


def test_a_keyed_photo_is_answered_as_the_first_time(sent: Promise) -> None:
    first = add(sent, sent.giver, **{"Idempotency-Key": "a"})
    again = add(sent, sent.giver, **{"Idempotency-Key": "a"})
    assert (again.status_code, again.json) == (201, first.json)
    assert add(sent, sent.giver, written(drawn()), **{"Idempotency-Key": "a"}).json["code"] == "key_reused"


def test_what_is_not_a_photo_is_refused_over_http(sent: Promise) -> None:
    assert add(sent, sent.giver, b"{}", "application/json").json["code"] == "unsupported_type"
    assert add(sent, sent.giver, b"GIF89a", "image/gif").json["code"] == "unsupported_type"
    assert add(sent, sent.giver, b"x").json["code"] == "photo_unreadable"
    assert add(sent, sent.giver, bytes(MOST_BYTES + 1)).json["code"] == "too_large"
    assert add(sent, sent.giver, JPEG, **{"If-Match": '"1"'}).json["code"] == "stale"


def test_photos_are_encrypted_and_stay_out_of_events(sent: Promise, database: RolledBack) -> None:
    photo = add(sent, sent.giver)
    kept = sent.client.get(f"{photo.headers['Location']}/image", by=sent.giver).data
    with database.begin() as session:
        stored = bytes(session.scalar(text("SELECT data FROM photos")))  # type: ignore[arg-type]
        assert kept[:100] not in stored
        assert b"JFIF" not in stored
        assert photo.json["id"] not in str(session.execute(text("SELECT * FROM outbox")).all())
