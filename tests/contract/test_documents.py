"""The documents of API and events describe what the code does, and pass the tools of their readers."""

import json
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from chassis.messaging.broker import message_for
from chassis.messaging.subscription import Subscription
from contracts.event import Event, encode, every_event, name_of, producer_of
from contracts.generate import example_of
from deploy import asyncapi, catalogue, generate, lint_api, openapi
from deploy.local.origin import front_desk
from deploy.services import services

Document = dict[str, Any]
EVENTS = every_event()


@pytest.fixture(scope="module")
def listeners() -> dict[str, list[str]]:
    return generate.listeners()


@pytest.fixture(scope="module")
def events(listeners: dict[str, list[str]]) -> Document:
    return asyncapi.build_document(listeners)


@pytest.fixture(scope="module")
def house() -> Document:
    return openapi.build_house_document()


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    for folder in (lint_api.LINT, lint_api.CLIENT):
        lint_api.install(folder)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_event_is_described_where_the_relay_sends_it(events: Document, event: type[Event]) -> None:
    example = example_of(event)
    sent = message_for(asyncapi.envelope_of(example), encode(example))
    channel, message = events["channels"][name_of(event)], events["components"]["messages"][name_of(event)]
    assert (channel["bindings"]["amqp"]["exchange"]["name"], channel["address"]) == (sent.exchange, sent.routing_key)
    assert message["contentType"] == sent.message.properties["content_type"]
    assert message["examples"][0]["headers"] == sent.message.headers
    assert json.loads(sent.message.body) == message["examples"][0]["payload"]


def test_described_headers_are_those_that_are_sent(events: Document) -> None:
    described = events["components"]["schemas"]["Envelope"]
    travelling = asyncapi.envelope_of(example_of(EVENTS["need_published"])).headers()
    assert described["properties"].keys() == travelling.keys()
    assert set(described["required"]) == travelling.keys() - {"traceparent"}


def test_every_event_has_its_producer_and_listeners_queues(events: Document, listeners: dict[str, list[str]]) -> None:
    operations = events["operations"]
    sent = {f"{producer_of(event)}_tells_{name}" for name, event in EVENTS.items()}
    heard = {f"{listener}_hears_{name}" for name, names in listeners.items() for listener in names}
    assert operations.keys() == sent | heard
    assert {one["action"] for name, one in operations.items() if name in sent} == {"send"}
    queues = {Subscription(listener, EVENTS[name]).queue for name, names in listeners.items() for listener in names}
    assert {one["x-queue"] for one in operations.values() if one["action"] == "receive"} == queues


def test_catalogue_names_all_events_fields_and_queues(listeners: dict[str, list[str]]) -> None:
    page = catalogue.render_page(listeners)
    for name, event in EVENTS.items():
        section = page.partition(f"\n### {event.__name__}\n")[2].partition("\n### ")[0]
        assert all(f"| `{field}` |" in section for field in event.__struct_fields__)
        assert all(Subscription(listener, event).queue in section for listener in listeners.get(name, ()))
        assert (event.__doc__ or "?").split("\n")[0] in section


def test_patterns_are_ones_that_every_language_reads(house: Document) -> None:
    assert r"\Z" not in json.dumps(house)


def test_answers_may_get_more_fields_and_requests_may_not(house: Document) -> None:
    schemas = house["components"]["schemas"]
    assert "additionalProperties" not in schemas["NeedOut"]
    assert schemas["NeedIn"]["additionalProperties"] is False


def test_docs_page_offers_the_document_of_the_house_first(house: Document) -> None:
    desk = front_desk().test_client()
    assert desk.get("/openapi.json").json == house
    offered = re.findall(r'"url": "(/openapi[^"]*)"', desk.get("/docs/").text)
    assert list(dict.fromkeys(offered)) == ["/openapi.json", *(f"/openapi/{one.name}.json" for one in services().values() if one.answers)]


def document(**schemas: Any) -> Document:
    name = schemas.pop("operation", "list_things")
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
    return {
        "info": {},
        "tags": [{"name": "x"}],
        "paths": {f"/v1/{name}": {"get": {"operationId": name, "responses": {"200": answer}}}},
        "components": {"schemas": schemas},
    }


PAGE = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}


def answered(whole: Document, name: str) -> str:
    schema = whole["paths"][f"/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return str(schema["$ref"].rpartition("/")[2])


def test_equal_schemas_of_two_services_become_one() -> None:
    one, other = document(Page=PAGE, Thing={"type": "string"}), document(operation="list_more", Page=PAGE, Thing={"type": "string"})
    whole = openapi.merge_documents({"users": one, "needs": other})
    assert whole["components"]["schemas"] == {"Page": PAGE, "Thing": {"type": "string"}}
    assert whole["paths"].keys() == {"/v1/list_things", "/v1/list_more"}


def test_schemas_that_differ_get_their_service_s_name() -> None:
    one, other = document(Page=PAGE, Thing={"type": "string"}), document(operation="list_more", Page=PAGE, Thing={"type": "integer"})
    before = deepcopy([one, other])
    whole = openapi.merge_documents({"users": one, "needs": other})
    assert whole["components"]["schemas"].keys() == {"UsersPage", "UsersThing", "NeedsPage", "NeedsThing"}
    assert (answered(whole, "list_things"), answered(whole, "list_more")) == ("UsersPage", "NeedsPage")
    assert whole["components"]["schemas"]["NeedsPage"]["items"] == {"$ref": "#/components/schemas/NeedsThing"}
    assert before == [one, other]


def test_two_operations_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="needs: list_things"):
        openapi.merge_documents({"users": document(Page=PAGE, Thing={}), "needs": document(Page=PAGE, Thing={})})


def test_documents_and_client_pass_their_readers_tools() -> None:
    outcome = subprocess.run([sys.executable, "-W", "ignore", "-m", "deploy.lint_api"], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_each_of_our_rules_catches_a_poor_document(house: Document, events: Document, tmp_path: Path) -> None:
    operation = house["paths"]["/v1/needs"]["post"]
    dumb = {"operationId": "PostNeed", "summary": "<Lambda>", "x-who": [], "x-view": "all", "requestBody": {"content": {}}}
    dumb["responses"] = {"default": {"description": "a page"}}
    wrong = deepcopy(house) | {"paths": {"/v1/Needs/": {"post": operation | dumb}}}
    wrong["components"]["schemas"]["NeedIn"]["properties"]["isUrgent"] = {"type": "boolean"}
    mute = deepcopy(events)
    del mute["components"]["schemas"]["NeedPublished"]["properties"]["unit"]["description"]
    mute["components"]["messages"]["need_published"]["summary"] = ""
    files = [tmp_path / "openapi.json", tmp_path / "asyncapi.json"]
    for file, content in zip(files, (wrong, mute), strict=True):
        file.write_text(json.dumps(content))
    outcome = lint_api.run(lint_api.LINT, lint_api.look_over(*files))
    rules = {line.strip().rstrip(":") for line in (lint_api.LINT / "ruleset.yaml").read_text().splitlines() if line.endswith(":")}
    ours = {rule for rule in rules if rule.startswith(("operation-", "body-", "address-", "field-", "event-"))}
    assert outcome.returncode != 0
    assert len(ours) == 10
    assert {rule for rule in ours if rule not in outcome.stdout} == set()


def test_events_document_with_a_wrong_reference_is_caught(events: Document, tmp_path: Path) -> None:
    wrong = deepcopy(events)
    wrong["operations"]["needs_tells_need_published"]["messages"] = [{"$ref": "#/channels/need_closed/messages/need_closed"}]
    (tmp_path / "asyncapi.json").write_text(json.dumps(wrong))
    outcome = lint_api.run(lint_api.LINT, lint_api.parse(tmp_path / "asyncapi.json"))
    assert outcome.returncode == 1
    assert "operations.needs_tells_need_published" in outcome.stderr


@pytest.mark.parametrize("folder", [lint_api.LINT, lint_api.CLIENT, lint_api.GRAFANA], ids=["lint", "client", "grafana"])
def test_npm_packages_are_pinned_by_content_alone(folder: Path) -> None:
    text = (folder / "package-lock.json").read_text()
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert "://" not in text
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
