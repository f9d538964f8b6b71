"""Changes of the contracts: one that breaks a reader fails and names the reader; any other passes."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from contracts.event import Moment
from deploy import generate
from deploy.compatibility import breaks, of_events, of_http
from deploy.schemas import Comparison, Way

Document = dict[str, Any]
Change = Callable[[Document], object]


@pytest.fixture(scope="module")
def wanted() -> dict[Path, str]:
    return generate.wanted()


@pytest.fixture(scope="module")
def documents(wanted: dict[Path, str]) -> dict[str, Document]:
    return {path.name: json.loads(text) for path, text in wanted.items() if path.parent == generate.API}


@pytest.fixture
def released(wanted: dict[Path, str], tmp_path: Path) -> Path:
    """A folder with a release of the present contracts."""
    generate.release(wanted, tmp_path / "released")
    return tmp_path / "released"


@pytest.fixture
def events(documents: dict[str, Document]) -> Document:
    return documents["asyncapi.json"]


@pytest.fixture
def http(documents: dict[str, Document]) -> Document:
    return documents["openapi.json"]


def changed(document: Document, change: Change) -> Document:
    copy = deepcopy(document)
    change(copy)
    return copy


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def field(document: Document, name: str, of: str) -> Document:
    found: Document = schema(document, of)["properties"][name]
    return found


def without(document: Document, name: str, of: str) -> None:
    del schema(document, of)["properties"][name]
    schema(document, of)["required"].remove(name)


def added(document: Document, name: str, of: str, required: bool) -> None:
    schema(document, of)["properties"][name] = {"type": "string"}
    schema(document, of)["required"] += [name] if required else []


def retyped(document: Document, name: str, of: str, wanted: Document) -> None:
    schema(document, of)["properties"][name] = wanted


def operation(document: Document, path: str, method: str) -> Document:
    found: Document = document["paths"][path][method]
    return found


NEED = "NeedPublished"
EVENT_BREAKS: dict[str, tuple[Change, str]] = {
    "a field is gone": (lambda d: without(d, "urgency", NEED), "need_published.urgency is gone: breaks {listeners}"),
    "a field is of another type": (
        lambda d: retyped(d, "quantity", NEED, {"type": "string"}),
        "need_published.quantity may be string now: breaks {listeners}",
    ),
    "an id is any text": (
        lambda d: retyped(d, "need_id", NEED, {"type": "string"}),
        "need_published.need_id has another format now: breaks {listeners}",
    ),
    "a field may be null": (
        lambda d: retyped(d, "poster_id", NEED, {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}),
        "need_published.poster_id may be null now: breaks {listeners}",
    ),
    "a field may be missing": (
        lambda d: schema(d, NEED)["required"].remove("unit"),
        "need_published.unit may be missing now: breaks {listeners}",
    ),
    "a list has a new word": (
        lambda d: field(d, "urgency", NEED)["enum"].append("dire"),
        "need_published.urgency may be dire now: breaks {listeners}",
    ),
    "a list has lost a word that journals hold": (
        lambda d: field(d, "urgency", NEED)["enum"].remove("critical"),
        "need_published.urgency may not be critical any more: breaks {replays}",
    ),
    "a range is wider": (
        lambda d: field(d, "quantity", NEED).update(maximum=10**12),
        "need_published.quantity has another maximum now: breaks {listeners}",
    ),
    "a range is narrower than what journals hold": (
        lambda d: field(d, "quantity", NEED).update(maximum=10),
        "need_published.quantity has another maximum now: breaks {replays}",
    ),
    "a new field that journals lack": (
        lambda d: added(d, "crop", NEED, required=True),
        "need_published.crop must be given now: breaks {replays}",
    ),
    "a field deep inside is gone": (
        lambda d: without(d, "code", "Reason"),
        "match_proposed.reasons[].code is gone: breaks {listeners}",
    ),
    "an event is gone": (lambda d: d["channels"].pop("need_published"), "need_published is gone: breaks {listeners}"),
    "another exchange": (
        lambda d: d["channels"]["need_published"]["bindings"]["amqp"]["exchange"].update(name="demands.events"),
        "need_published is published at another address now: breaks {listeners}",
    ),
    "a header is gone": (
        lambda d: without(d, "ce-subject", "Envelope"),
        "need_published header ce-subject is gone: breaks {listeners}",
    ),
}


@pytest.mark.parametrize(("change", "said"), EVENT_BREAKS.values(), ids=EVENT_BREAKS)
def test_change_that_breaks_listeners_fails_and_names_them(events: Document, change: Change, said: str) -> None:
    listeners = generate.listeners()[said.partition(" ")[0].partition(".")[0]]
    expected = said.format(listeners=", ".join(listeners), replays=", ".join(f"replays to {one}" for one in listeners))
    assert "notify" in listeners
    assert expected in [str(one) for one in of_events(events, changed(events, change)) if one.grave]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: None,
        lambda d: added(d, "crop", NEED, required=False),
        lambda d: d["channels"].update(need_praised=d["channels"]["need_published"]),
        lambda d: field(d, "unit", NEED).update(description="said in other words"),
        lambda d: d["operations"].pop("notify_hears_need_published"),
        lambda d: schema(d, NEED)["properties"].update(reversed(schema(d, NEED)["properties"].items())),
    ],
    ids=["nothing", "a new field with a default", "a new event", "other words", "a listener less", "another order"],
)
def test_change_of_an_event_that_breaks_nobody_passes(events: Document, change: Change) -> None:
    assert list(of_events(events, changed(events, change))) == []


def test_event_without_listeners_is_not_free_to_change(events: Document) -> None:
    change = changed(events, lambda d: without(d, "channel", "NoticeDelivered"))
    assert "notice_delivered.channel is gone: breaks listeners outside the house" in map(str, of_events(events, change))


NEEDS, ONE = "/v1/needs", "/v1/needs/{need_id}"
HTTP_BREAKS: dict[str, tuple[Change, str]] = {
    "a new field must be given": (
        lambda d: added(d, "crop", "NeedIn", required=True),
        "POST /v1/needs body crop must be given now: breaks front ends: post_need",
    ),
    "a field must be given that could be left out": (
        lambda d: schema(d, "NeedIn")["required"].append("urgency"),
        "POST /v1/needs body urgency must be given now: breaks front ends: post_need",
    ),
    "a field of a body is refused": (
        lambda d: without(d, "reason", "NeedIn"),
        "POST /v1/needs body reason is refused now: breaks front ends: post_need",
    ),
    "a field of a body is of another type": (
        lambda d: retyped(d, "quantity", "NeedIn", {"type": "string"}),
        "POST /v1/needs body quantity may not be integer any more: breaks front ends: post_need",
    ),
    "a range of a body is narrower": (
        lambda d: field(d, "quantity", "NeedIn").update(maximum=10),
        "POST /v1/needs body quantity has another maximum now: breaks front ends: post_need",
    ),
    "a text of a body has to have a form": (
        lambda d: field(d, "reason", "NeedIn").update(pattern="^[a-z]+$"),
        "POST /v1/needs body reason has another pattern now: breaks front ends: post_need",
    ),
    "a word of a body is refused": (
        lambda d: field(d, "urgency", "NeedIn")["enum"].remove("urgent"),
        "POST /v1/needs body urgency may not be urgent any more: breaks front ends: post_need",
    ),
    "a parameter must be given": (
        lambda d: operation(d, NEEDS, "get")["parameters"].append({"in": "query", "name": "crop", "required": True, "schema": {}}),
        "GET /v1/needs query crop must be given now: breaks front ends: list_needs",
    ),
    "a parameter is refused": (
        lambda d: operation(d, NEEDS, "get").update(
            parameters=[one for one in operation(d, NEEDS, "get")["parameters"] if one["name"] != "category"]
        ),
        "GET /v1/needs query category is refused now: breaks front ends: list_needs",
    ),
    "a range of a parameter is narrower": (
        lambda d: next(one for one in operation(d, NEEDS, "get")["parameters"] if one["name"] == "limit")["schema"].update(maximum=10),
        "GET /v1/needs query limit has another maximum now: breaks front ends: list_needs",
    ),
    "a body where there was none": (
        lambda d: operation(d, ONE, "get").update(requestBody={"required": True, "content": {}}),
        "GET /v1/needs/{need_id} body must be given now: breaks front ends: get_need",
    ),
    "an address is gone": (lambda d: d["paths"].pop(NEEDS), "POST /v1/needs is gone: breaks front ends: post_need"),
    "an operation is gone": (lambda d: d["paths"][NEEDS].pop("get"), "GET /v1/needs is gone: breaks front ends: list_needs"),
    "an operation has another name": (
        lambda d: operation(d, NEEDS, "get").update(operationId="search_needs"),
        "GET /v1/needs is named search_needs now: breaks front ends: list_needs",
    ),
    "fewer may call": (
        lambda d: operation(d, NEEDS, "post").update({"x-who": ["staff"]}),
        "POST /v1/needs is not for household any more: breaks front ends: post_need",
    ),
    "guests may not call": (
        lambda d: operation(d, NEEDS, "get").update({"x-who": ["donor", "staff"]}),
        "GET /v1/needs is not for anyone any more: breaks front ends: list_needs",
    ),
    "another status": (
        lambda d: operation(d, NEEDS, "post")["responses"].update({"202": operation(d, NEEDS, "post")["responses"].pop("201")}),
        "POST /v1/needs answer 201 is gone: breaks front ends: post_need",
    ),
    "errors in another shape": (
        lambda d: operation(d, NEEDS, "get")["responses"].update(default={"content": {"text/html": {"schema": {}}}}),
        "GET /v1/needs answer default is not application/problem+json any more: breaks front ends: list_needs",
    ),
    "a field of an answer is gone": (
        lambda d: without(d, "code", "Problem"),
        "GET /v1/needs answer default code is gone: breaks front ends: list_needs",
    ),
    "a field of an answer is of another type": (
        lambda d: retyped(d, "open", "PledgeOut", {"type": "number"}),
        "POST /v1/pledges answer 201 open may be number now: breaks front ends: offer_pledge",
    ),
    "a field of an answer may be null": (
        lambda d: field(d, "unit", "NeedOut").update(type=["string", "null"]),
        "POST /v1/needs/{need_id}/closing answer 201 unit may be null now: breaks front ends: close_need",
    ),
    "a field of an answer may be missing": (
        lambda d: schema(d, "NeedPage")["required"].remove("next"),
        "GET /v1/needs answer 200 next may be missing now: breaks front ends: list_needs",
    ),
    "a field of a list's item is gone": (
        lambda d: without(d, "state", "NeedOut"),
        "GET /v1/needs answer 200 items[].state is gone: breaks front ends: list_needs",
    ),
}


@pytest.mark.parametrize(("change", "said"), HTTP_BREAKS.values(), ids=HTTP_BREAKS)
def test_change_that_breaks_front_ends_names_the_operation(http: Document, change: Change, said: str) -> None:
    assert said in [str(one) for one in of_http(http, changed(http, change)) if one.grave]


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (
            lambda d: operation(d, NEEDS, "get")["responses"]["200"].update(headers={"X-Age": {"schema": {"type": "integer"}}}),
            "GET /v1/needs answer 200 header X-Age is gone: breaks front ends: list_needs",
        ),
        (
            lambda d: schema(d, "NeedIn").pop("additionalProperties"),
            "POST /v1/needs body refuses now what it does not name: breaks front ends: post_need",
        ),
    ],
    ids=["a header of an answer", "fields without a name"],
)
def test_broken_promise_of_an_earlier_release_is_a_break(http: Document, earlier: Change, said: str) -> None:
    assert said in map(str, of_http(changed(http, earlier), http))


@pytest.mark.parametrize("way", ["new to old", "old to new"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string"}, {"type": "string", "not": {"const": "a"}}),
        ({"anyOf": [{"type": "integer", "maximum": 3}, {"type": "integer", "minimum": 9}]}, {"type": "integer", "maximum": 3}),
    ],
    ids=["a keyword it does not know", "two shapes of one type"],
)
def test_change_that_cannot_be_judged_counts_as_a_break(old: Document, new: Document, way: Way) -> None:
    assert list(Comparison({}, {}, way).changes(old, new))
    assert list(Comparison({}, {}, way).changes(old, old)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: None,
        lambda d: added(d, "crop", "NeedIn", required=False),
        lambda d: schema(d, "NeedIn")["required"].remove("reason"),
        lambda d: field(d, "urgency", "NeedIn")["enum"].append("dire"),
        lambda d: field(d, "quantity", "NeedIn").update(maximum=10**12),
        lambda d: field(d, "quantity", "NeedIn").update(type=["integer", "null"]),
        lambda d: added(d, "crop", "NeedOut", required=True),
        lambda d: field(d, "state", "NeedOut")["enum"].remove("closed"),
        lambda d: operation(d, NEEDS, "get")["parameters"].append({"in": "query", "name": "crop", "schema": {"type": "string"}}),
        lambda d: operation(d, NEEDS, "post")["responses"].update({"409": {"description": "busy"}}),
        lambda d: operation(d, NEEDS, "post").update({"x-who": ["anyone"]}),
        lambda d: d["paths"].update({"/v2/needs": d["paths"][NEEDS]}),
        lambda d: operation(d, NEEDS, "get").update(deprecated=True),
    ],
    ids=[
        "nothing", "a new field that may be left out", "a field may be left out", "a new word in a body", "a wider range",
        "a field may be null in a body", "a new field in an answer", "a word less in an answer", "a new parameter", "a new status",
        "more may call", "a new address", "deprecated",
    ],
)  # fmt: skip
def test_change_of_an_operation_that_breaks_nobody_passes(http: Document, change: Change) -> None:
    assert list(of_http(http, changed(http, change))) == []


def test_new_word_in_an_answer_is_a_warning(http: Document) -> None:
    found = list(of_http(http, changed(http, lambda d: field(d, "state", "NeedOut")["enum"].append("renewed"))))
    assert "POST /v1/needs/{need_id}/closing answer 201 state may be renewed now: is new to front ends: close_need" in map(str, found)
    assert not any(one.grave for one in found)


def test_change_of_a_shared_schema_is_one_line(documents: dict[str, Document], released: Path) -> None:
    http = changed(documents["openapi.json"], lambda d: without(d, "code", "Problem"))
    [line] = breaks(documents | {"openapi.json": http}, released)
    assert len(line.readers) == len(
        {one["operationId"] for path in http["paths"].values() for one in path.values() if "operationId" in one}
    )


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    word: str


MOMENT = datetime(2026, 3, 20, tzinfo=UTC)
VALUES: dict[Any, list[Any]] = {
    int: [-5, 0, 7, 10**6],
    Annotated[int, Meta(ge=0)]: [0, 10**6],
    Annotated[int, Meta(ge=1, le=10)]: [1, 10],
    float: [0.5, -1.5],
    bool: [True],
    str: ["", "far too long"],
    Annotated[str, Meta(max_length=3)]: ["", "abc"],
    Annotated[str, Meta(min_length=1, max_length=20)]: ["a", "far too long"],
    Annotated[str, Meta(pattern="^[a-c]+$")]: ["a", "abcabcabc"],
    Literal["a", "b"]: ["a", "b"],
    Literal["a", "b", "c"]: ["a", "c"],
    Literal["a", "b"] | None: ["a", None],
    UUID: [UUID(int=7)],
    UUID | None: [UUID(int=7), None],
    Moment: [MOMENT],
    list[int]: [[], [-5]],
    list[str]: [[], ["far too long"]],
    list[str] | None: [["a"], None],
    Plain: [Plain(word="a")],
    dict[str, int]: [{}, {"a": -5}],
    str | int: ["a", -5],
}  # fmt: skip


def reads(reader: Any, value: Any) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode({"field": value}), type=reader)
    except msgspec.ValidationError:
        return False
    return True


def described(reader: Any) -> Document:
    return msgspec.json.schema(reader)


def texts(reader: Any) -> bool:
    return "str" in str(reader) or "Literal" in str(reader) or reader in {UUID, Moment}


@pytest.mark.parametrize("old", VALUES, ids=str)
def test_verdict_on_a_type_is_what_a_reader_really_does(old: Any) -> None:
    """Compare each type of field with each other, in both directions, and let real readers decode real values.

    Rules of different kinds for a text, such as a length and a pattern, are not compared: such a change counts as a break.
    """
    before = msgspec.defstruct("Told", [("field", old)])
    for new, values in VALUES.items():
        after = msgspec.defstruct("Told", [("field", new)])
        one, other = described(before), described(after)
        borne = {way: not list(Comparison(one, other, way).changes(one, other)) for way in ("new to old", "old to new")}
        really = {
            "new to old": all(reads(before, value) for value in values),
            "old to new": all(reads(after, value) for value in VALUES[old]),
        }
        assert all(really[way] for way in borne if borne[way]), f"a break goes unseen: {old} → {new}"
        assert borne == really or (texts(old) and texts(new)), f"{old} → {new}"


def test_release_that_breaks_the_last_one_is_refused(
    wanted: dict[Path, str], documents: dict[str, Document], released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = changed(documents["asyncapi.json"], lambda d: added(d, "crop", NEED, required=True))
    (released / "asyncapi.json").write_text(json.dumps(earlier))
    with pytest.raises(SystemExit, match="breaks what was released"):
        generate.release(wanted, released)
    assert f"need_published.crop is gone: breaks {', '.join(generate.listeners()['need_published'])}" in capsys.readouterr().err
    assert json.loads((released / "asyncapi.json").read_text()) == earlier


def test_only_contracts_retired_with_a_reason_may_go(documents: dict[str, Document], released: Path) -> None:
    events = changed(documents["asyncapi.json"], lambda d: d["channels"].pop("notice_delivered"))
    http = changed(documents["openapi.json"], lambda d: d["paths"]["/v1/catalogue"].pop("get"))
    present = {"asyncapi.json": events, "openapi.json": http}
    assert [one.where for one in breaks(present, released)] == ["notice_delivered", "GET /v1/catalogue"]
    (released / "retired.toml").write_text('[events]\nnotice_delivered = "nobody listens"\n[operations]\nlist_catalogue = "in the app"\n')
    assert breaks(present, released) == []
    (released / "retired.toml").write_text('[events]\nnever_told = "?"\n[operations]\n')
    with pytest.raises(ValueError, match="never_told"):
        breaks(present, released)


def test_present_contracts_keep_the_last_release(documents: dict[str, Document]) -> None:
    assert [str(one) for one in breaks(documents) if one.grave] == []
