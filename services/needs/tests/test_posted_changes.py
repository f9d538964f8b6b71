"""`POST …/change` is the PATCH beside it: the same rights, versions and answers, for clients without PATCH."""

import pytest

from chassis.http import posted_changes
from chassis.http.app import create_app
from chassis.http.posted_changes import _as_patch
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack
from chassis.testing.twins import altered, unguarded
from needs.api import api

from .test_choosing import offer

METHOD = 'request.method = "PATCH"'


def client_with(database: RolledBack, keys: KnownKeys) -> Client:
    return Client(create_app("needs", api, database=database, keys=keys).test_client(), keys)


def test_posted_change_is_answered_as_the_patch(database: RolledBack, keys: KnownKeys) -> None:
    client, donor = client_with(database, keys), Person("donor")
    made = client.post("/v1/pledges", offer(quantity=100), by=donor)
    address = f"/v1/pledges/{made.json['id']}"
    seen = {"If-Match": made.headers["ETag"], "Idempotency-Key": "k"}
    answer = client.post(f"{address}/change", {"quantity": 90}, by=donor, headers=seen)
    assert (answer.status_code, answer.json["quantity"]) == (202, 90)
    assert answer.json == client.get(address, by=donor).json
    late = client.post(f"{address}/change", {"quantity": 80}, by=donor, headers=seen)
    assert (late.status_code, late.json["code"]) == (412, "stale")
    wrong = client.post(f"{address}/change", {"quantity": 0}, by=donor, headers={"If-Match": "*"})
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "#/quantity")
    strange = client.post(f"{address}/change", {"quantity": 1}, by=Person("donor"), headers={"If-Match": "*"})
    assert (strange.status_code, strange.json["code"]) == (404, "not_found")
    assert client.get(address, by=donor).json["quantity"] == 90


@pytest.mark.parametrize("method", [METHOD, unguarded("pass", "a POST needs no version, so a change made meanwhile is overwritten")])
def test_posted_change_needs_the_version_that_was_seen(
    database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(posted_changes, "_as_patch", altered(_as_patch, METHOD, method))
    client, donor = client_with(database, keys), Person("donor")
    pledge = client.post("/v1/pledges", offer(quantity=100), by=donor).json["id"]
    answer = client.post(f"/v1/pledges/{pledge}/change", {"quantity": 90}, by=donor)
    assert (answer.status_code, answer.json.get("code")) == (428, "precondition_needed")


def test_every_patch_has_a_posted_change(database: RolledBack, keys: KnownKeys) -> None:
    paths = create_app("needs", api, database=database, keys=keys).spec["paths"]
    patched = {path: item["patch"] for path, item in paths.items() if "patch" in item}
    assert len(patched) >= 4
    for path, patch in patched.items():
        posted = paths[f"{path}/change"]["post"]
        assert (posted["x-who"], posted["requestBody"], posted["x-same-as"]) == (patch["x-who"], patch["requestBody"], patch["operationId"])
        assert posted["parameters"] == patch["parameters"]
