"""Templates: a region words its notices itself, within fields that fill in and do nothing else."""

from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, update

from chassis.data.audit_log import AuditEntry
from chassis.data.database import new_id, now
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import altered, unguarded
from chassis.wording import ItemWords
from contracts.matching import MatchRefused
from contracts.notices import templates
from notify import words as words_module
from notify.endpoints.letters import write_letter
from notify.endpoints.model import Delivery, Endpoint
from notify.live.source import notice_as_shown
from notify.messages import actions as messages
from notify.messages import letters, queries
from notify.messages.model import Message
from notify.model import Notice
from notify.templates import actions, sandbox
from notify.templates.fields import example_variants, fields_of, required_of, template_of
from notify.templates.model import WordSet
from notify.templates.sandbox import find_faults
from notify.templates.speaking import Speaker
from notify.words import defuse, render

from .conftest import example, write_notices

COUNTY, CITY, VILLAGE = "510903", "5109", "510903100208"
PATH = "/v1/notice-templates/match_refused.giver"
WORDS = {
    "zh": {"title": "已收到您的答复", "text": "船山区：您这次没有答应{{ offer }}（{{ reason_label }}）。"},
    "en": {"title": "We have your answer", "text": "Chuanshan: you declined to {{ offer }} ({{ reason_label }})."},
}
SET: dict[str, Any] = {"kind": "match_refused", "side": "giver", "version": 1}
FACTS = {"region": "510903100", "category": "food.rice", "unit": "kg", "quantity": 1, "reason": "too_far"}


def worded(part: str, text: str, field: str = "zh") -> dict[str, Any]:
    return WORDS | {field: WORDS[field] | {part: text}}


def put(client: Client, by: Person, words: Any = WORDS, region: str = COUNTY, path: str = PATH, seen: str = "*") -> Any:
    return client.put(f"{path}?region={region}", {"words": words}, by=by, seen=seen)


def told(client: Client, database: RolledBack, **changes: Any) -> Any:
    """Tell a giver of a refused match; return what they read."""
    giver = Person("donor")
    write_notices(database, example(MatchRefused, match_id=new_id(), pledger_id=giver.id, **({"region": VILLAGE} | changes)))
    [notice] = client.get("/v1/notices", by=giver).json["items"]
    assert client.get(f"/v1/notices/{notice['id']}", by=giver).json["text"] == notice["text"]
    return notice


def failures() -> float:
    return REGISTRY.get_sample_value("duijie_template_failures_total", {"service": "notify"}) or 0


def test_nearest_region_s_words_are_read(client: Client, database: RolledBack) -> None:
    shipped = told(client, database)["text"]
    county, city = administrator_of(database, COUNTY), administrator_of(database, CITY)
    assert put(client, city, worded("title", "市里的话"), CITY).status_code == 200
    assert told(client, database)["title"] == "市里的话"
    assert put(client, county).status_code == 200
    assert told(client, database)["text"].startswith("船山区：您这次没有答应提供 50 公斤")
    assert told(client, database, region="510922001001")["title"] == "市里的话", "another county of the city"
    assert told(client, database, region="510703001001")["text"] == shipped, "another city"
    ended = put(client, county, None)
    assert (ended.json["version"], ended.json["in_force"]["region"]) == (2, CITY)
    assert told(client, database)["title"] == "市里的话"


def test_county_s_words_leave_by_mail_too(client: Client, database: RolledBack) -> None:
    assert put(client, administrator_of(database, COUNTY)).status_code == 200
    giver = new_id()
    write_notices(database, example(MatchRefused, match_id=new_id(), pledger_id=giver, region=VILLAGE))
    with database.begin() as session:
        session.execute(update(Message).where(Message.recipient_id == giver).values(priority=2, due_at=Message.created_at))
        [claimed] = [one for one in messages.claim(session, 10) if one.recipient_id == giver]
        [notice] = queries.load_notices(session, [claimed])[claimed.id]
        letter = letters.write_letter(claimed, [notice], Speaker.of(session, [notice]), "mei@example.net")
    assert (letter.title, letter.body[:4]) == ("已收到您的答复", "船山区：")


def test_streams_and_webhooks_speak_a_county_s_words(client: Client, database: RolledBack) -> None:
    assert put(client, administrator_of(database, COUNTY)).status_code == 200
    told(client, database)
    hook = Endpoint(id=new_id(), channel="webhook", address="https://hooks.example.org", language="en", secret=None, former_secret=None)
    delivery = Delivery(message_id=new_id(), kind="match_refused", side="giver", about=new_id(), about_version=1, facts=FACTS, more=0)
    with database.begin() as session:
        [notice] = session.scalars(select(Notice).where(Notice.side == "giver"))
        shown = notice_as_shown(notice, Speaker.of(session, [notice]), "zh-CN")
        letter = write_letter(hook, delivery, now(), Speaker.of(session, [delivery]), "https://duijie.example.org")
    assert (shown["title"], letter.title) == ("已收到您的答复", "We have your answer")
    assert "Chuanshan: you declined" in letter.body


def test_versions_fields_and_preview_are_shown(client: Client, database: RolledBack) -> None:
    county = administrator_of(database, COUNTY)
    first = client.get(PATH, by=county, region=COUNTY)
    assert (first.json["version"], first.json["in_force"], first.json["history"]) == (0, None, [])
    fields = {one["name"]: one for one in first.json["fields_allowed"]}
    offer = {"name": "offer", "use": "text", "may_be_empty": False, "example_zh": "提供 50 公斤大米", "example_en": "give 50 kg of rice"}
    assert fields["offer"] == offer
    assert fields["reason"]["use"] == fields["kind"]["use"] == "condition"
    assert not {"pledge_id", "need_id", "region", "category", "unit"} & fields.keys()
    assert first.json["fields_required"] == [["amount", "offer", "wish"], ["reason_label"]]
    assert first.json["preview"]["zh"]["title"] == first.json["shipped"]["zh"]["title"]
    put(client, county)
    second = client.get(PATH, by=county, region=COUNTY).json
    assert (second["version"], second["in_force"]["words"], second["in_force"]["set_by"]) == (1, WORDS, str(county.id))
    assert second["preview"]["en"]["text"].startswith("Chuanshan: you declined to give 50 kg of rice (")
    listed = client.get("/v1/notice-templates", by=county, region=COUNTY).json["items"]
    assert len(listed) == len(templates())
    assert [one for one in listed if one["region"] is not None] == [
        {"id": "match_refused.giver", "kind": "match_refused", "side": "giver", "region": COUNTY, "version": 1}
    ]


def test_preview_shows_an_example_and_stores_nothing(client: Client, database: RolledBack) -> None:
    county = administrator_of(database, COUNTY)
    answer = client.post(f"{PATH}/preview", {"words": WORDS}, by=county)
    assert (answer.status_code, answer.json["preview"]["zh"]["title"]) == (200, "已收到您的答复")
    refused = client.post(f"{PATH}/preview", {"words": worded("text", "{{ nobody }}")}, by=county)
    assert (refused.status_code, refused.json["code"]) == (422, "template_wrong")
    with database.begin() as session:
        assert session.scalars(select(WordSet)).all() == []


STALE = unguarded("versions.check_if_match(session, WordSet(version=latest))", "without it, one administrator undoes another's words")


@pytest.mark.parametrize("change", [None, STALE])
def test_second_administrator_does_not_undo_the_first(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    if change:
        monkeypatch.setattr(actions, "set_words", altered(actions.set_words, change, "session.info['seen'].compared = True"))
    county = administrator_of(database, COUNTY)
    seen = client.get(PATH, by=county, region=COUNTY).headers["ETag"]
    assert put(client, county, seen=seen).status_code == 200
    assert put(client, county, worded("title", "别的"), seen=seen).status_code == 412
    assert client.get(PATH, by=county, region=COUNTY).json["version"] == 1


OWN = unguarded("if not caller.manages(region):\n        raise not_found()", "without it, anybody in office words notices of the country")


@pytest.mark.parametrize("change", [None, OWN])
def test_administrators_word_their_own_region_alone(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    if change:
        monkeypatch.setattr(actions, "set_words", altered(actions.set_words, change, ""))
    county, village = administrator_of(database, COUNTY), administrator_of(database, VILLAGE)
    for by, region in ((county, CITY), (county, ""), (county, "510922"), (village, COUNTY), (auditor_of(database, COUNTY), COUNTY)):
        assert put(client, by, region=region).status_code in {403, 404}
    assert put(client, Person("donor")).status_code == 403
    assert put(client, county, region=VILLAGE[:9]).status_code == 422
    assert put(client, county, path="/v1/notice-templates/parcel_sent.giver").status_code == 404
    with database.begin() as session:
        assert session.scalars(select(WordSet)).all() == []


def test_parts_of_a_region_read_its_words_and_others_do_not(client: Client, database: RolledBack) -> None:
    put(client, administrator_of(database, COUNTY))
    village, auditor, other = administrator_of(database, VILLAGE), auditor_of(database, CITY), administrator_of(database, "510922")
    for by, status in ((village, 200), (auditor, 200), (other, 404)):
        assert client.get(PATH, by=by, region=COUNTY).status_code == status
        assert client.get("/v1/notice-templates", by=by, region=COUNTY).status_code == status
    assert client.get(PATH, by=village, region=COUNTY).json["allowed"] == []


def test_change_of_words_is_recorded(client: Client, database: RolledBack) -> None:
    county = administrator_of(database, COUNTY)
    put(client, county)
    with database.begin() as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.act == "set_notice_template")).all()
    assert [(one.actor_id, one.region) for one in found] == [(county.id, COUNTY)]


FORBIDDEN = [
    "{% for one in offer %}{{ one }}{% endfor %}", "{{ offer.__class__ }}", "{{ offer['x'] }}", "{{ offer() }}", "{{ offer | upper }}",
    "{{ offer * 1000 }}", "{{ 'a' * 999999999 }}", "{{ offer ~ offer }}", "{% set x = 1 %}", "{% include 'x' %}", "{{ range(9) }}",
    "{% macro a() %}{% endmacro %}", "{{ self }}",
    "{{ offer", "{% if offer %}", "{{ [1, 2] }}", "{{ {'a': 1} }}", "{{ 2 ** 99 }}", "{{ -1 }}",
    "{{ offer is defined }}", "{{ 'a' in offer }}", "{{ 1 < 2 }}", "{% filter upper %}x{% endfilter %}", "{% block a %}{% endblock %}",
    "{{ " + "(" * 500, "{% call offer() %}{% endcall %}", "{{ lipsum(9) }}", "{{ cycler }}",
]  # fmt: skip


@pytest.mark.parametrize("text", FORBIDDEN)
def test_words_can_do_nothing_but_fill_in_and_choose(client: Client, database: RolledBack, text: str) -> None:
    answer = put(client, administrator_of(database, COUNTY), worded("text", f"{text}{{{{ offer }}}}{{{{ reason_label }}}}"[:600]))
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/words/zh/text"
    assert {error["code"] for error in answer.json["errors"]} <= {"template_form", "template_field_unknown"}


@pytest.mark.parametrize(
    ("part", "text", "field", "code"),
    [
        ("text", "{{ offer }}（{{ reason_label }}），{{ quantity_label }}", "zh", "template_field_unknown"),
        ("text", "{{ offer }} ({{ reason_label }}), {{ pledger_id }}", "en", "template_field_unknown"),
        ("text", "{{ offer }}（{{ reason_label }}），{{ reason }}", "zh", "template_field_unknown"),
        ("text", "{{ offer }}（{{ reason_label }}），{{ 'x' if on_behalf else 'y' }}", "zh", "template_field_unknown"),
        ("text", "您这次没有答应（{{ reason_label }}）。", "zh", "template_field_missing"),
        ("text", "You declined to {{ offer }}.", "en", "template_field_missing"),
        ("text", "{{ offer }}（{{ reason_label }}）详见 https://evil.example/a", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）详见 evil.example.com", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）请加 wang@example.org", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）请打 138 1234 5678", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）510903199001011234", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）evil{% if reason == 'no' %}。{% else %}.{% endif %}com", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）evil{% if reason == 'no' %}，{% endif %}.{# #}com", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）evil{{ '.' if reason == 'no' else '，' }}com", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）ｗｗｗ．ｅｖｉｌ．ｃｏｍ", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）138{# #}1234{# #}5678", "zh", "template_contact"),
        ("text", "{{ offer }}（{{ reason_label }}）" + "{% if reason == 'no' %}好{% endif %}" * 9, "zh", "template_form"),
        ("title", "{% if reason == 'never' %}甲{% endif %}", "zh", "template_length"),
    ],
)  # fmt: skip
def test_wrong_field_is_refused_with_a_pointer(client: Client, database: RolledBack, part: str, text: str, field: str, code: str) -> None:
    answer = put(client, administrator_of(database, COUNTY), worded(part, text, field))
    assert (answer.status_code, answer.json["code"]) == (422, "template_wrong")
    assert {(error["pointer"], error["code"]) for error in answer.json["errors"]} == {(f"#/words/{field}/{part}", code)}
    assert all(error["message"] for error in answer.json["errors"])
    with database.begin() as session:
        assert session.scalars(select(WordSet)).all() == []


def test_missing_part_is_refused_with_a_pointer(client: Client, database: RolledBack) -> None:
    county = administrator_of(database, COUNTY)
    for words, pointer in (({"zh": WORDS["zh"]}, "#/words/en"), (WORDS | {"zh": {"title": "甲"}}, "#/words/zh/text"), ({}, "#/words/zh")):
        answer = put(client, county, words)
        assert answer.status_code == 422
        assert pointer in {error["pointer"] for error in answer.json["errors"]}


def test_landline_of_a_county_may_be_named(client: Client, database: RolledBack) -> None:
    text = "您这次没有答应{{ offer }}（{{ reason_label }}）。有疑问请拨 0825-2222222。"
    assert put(client, administrator_of(database, COUNTY), worded("text", text)).status_code == 200


def test_field_that_may_be_empty_stands_behind_a_condition(client: Client, database: RolledBack) -> None:
    county, path = administrator_of(database, COUNTY), "/v1/notice-templates/match_accepted.household"
    title = {"zh": "好消息", "en": "Good news"}
    bare = {"zh": "{{ offer }}，经{{ charity }}。", "en": "{{ offer }} by {{ charity }}."}
    guarded = {"zh": "{{ offer }}{% if charity %}，经{{ charity }}{% endif %}。", "en": "{{ offer }}{{ ' by a charity' if charity }}."}
    first, second = ({field: {"title": title[field], "text": text} for field, text in said.items()} for said in (bare, guarded))
    answer = put(client, county, first, path=path)
    assert {(one["pointer"], one["code"]) for one in answer.json["errors"]} == {
        ("#/words/zh/text", "template_field_empty"), ("#/words/en/text", "template_field_empty"),
    }  # fmt: skip
    assert put(client, county, second, path=path).status_code == 200


def test_every_side_of_every_kind_has_fields_and_an_example() -> None:
    for template in templates():
        assert all(one & fields_of(template).keys() for one in required_of(template))
        assert all(name in facts for facts in example_variants(template) for name in template.facts)


FALLS_BACK = unguarded("except (WordingError, KeyError) as error:", "without it, nobody reads a notice whose words fail")


@pytest.mark.parametrize("change", [None, FALLS_BACK])
@pytest.mark.parametrize("broken", ["{{ gone }}", "{{ offer * 10 ** 10 }}", "{{ offer", "{{ offer }}" * 200])
def test_words_that_fail_give_way_to_the_shipped_ones(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, broken: str, change: Any
) -> None:
    if change:
        monkeypatch.setattr(Speaker, "words_of", altered(Speaker.words_of, change, "except ZeroDivisionError as error:"))
    notice = Notice(kind="match_refused", side="giver", facts=FACTS)
    with database.begin() as session:
        shipped = Speaker.of(session, [notice]).words_of(notice, "zh-CN")
        session.add(WordSet(**SET, region=COUNTY, words=worded("text", broken), set_by=new_id(), set_at=now()))
        session.flush()
        before = failures()
        try:
            assert Speaker.of(session, [notice]).words_of(notice, "zh-CN") == shipped
        except sandbox.WordingError as error:
            raise AssertionError("nobody reads it") from error
    assert failures() == before + 1


def test_stored_words_that_fail_do_not_hide_their_own_page(client: Client, database: RolledBack) -> None:
    with database.begin() as session:
        session.add(WordSet(**SET, region=COUNTY, words=worded("text", "{{ gone }}"), set_by=new_id(), set_at=now()))
    found = client.get(PATH, by=administrator_of(database, COUNTY), region=COUNTY).json
    assert found["preview"]["zh"]["title"] == found["shipped"]["zh"]["title"]


def test_words_of_a_former_county_are_read_in_its_successor(database: RolledBack) -> None:
    notice = Notice(kind="match_refused", side="giver", facts=FACTS | {"region": "510922001"})
    with database.begin() as session:
        session.add(WordSet(**SET, region="510981", words=WORDS, set_by=new_id(), set_at=now()))
        session.flush()
        assert Speaker.of(session, [notice]).words_of(notice, "zh-CN")["title"] == "已收到您的答复", "射洪县 is 射洪市 now"


SAID = [
    ("<script>alert(1)</script>", "〈script〉alert(1)〈/script〉"),
    ("慈善会 http://evil.example/x", "慈善会 http：//evil．example/x"),
    ("evil.example", "evil．example"),
    ("[点这里](x)", "［点这里］(x)"),
    ("{{ offer }}", "｛｛ offer ｝｝"),
    ("甲\r\nBcc: x", "甲 Bcc: x"),
]


@pytest.mark.parametrize(("said", "read"), [*SAID, ("北京市慈善协会", "北京市慈善协会")])
def test_only_markup_and_links_change_a_fact(said: str, read: str) -> None:
    assert defuse(said) == read


@pytest.mark.parametrize("change", [None, unguarded("defuse(value) if", "without it, a fact is a link or markup")])
@pytest.mark.parametrize(("said", "read"), SAID)
def test_markup_and_links_in_facts_are_defused(monkeypatch: pytest.MonkeyPatch, said: str, read: str, change: Any) -> None:
    if change:
        monkeypatch.setattr(words_module.Words, "readable", altered(words_module.Words.readable, change, "value if"))
    facts = {"category": "money.treatment", "unit": "fen", "quantity": 100, "charity": said, "on_behalf": False}
    assert f"款项由{read}接收并转交" in render("match_accepted", "household", facts, "zh-CN")["text"]


def test_names_of_items_are_defused_too() -> None:
    item = ItemWords("x.y", "kg", "goods", "<b>米</b>", "rice.example")
    facts = {"category": "x.y", "unit": "kg", "quantity": 1234567, "charity": None, "on_behalf": False}
    assert "1,234,567 公斤 〈b〉米〈/b〉" in render("match_accepted", "household", facts, "zh-CN", item)["text"]
    assert "rice．example" in render("match_accepted", "household", facts, "en", item)["text"]


def test_words_of_a_region_do_not_read_facts_beyond_their_fields() -> None:
    template = template_of("match_refused", "giver")
    assert template
    assert [fault for _, fault in find_faults(template, "zh-CN", WORDS["zh"])] == []
    known = sandbox._fill(template, "zh-CN", {"reason": "too_far", "secret": "x"}, ItemWords("food.rice", "kg", "goods", "大米", "Rice"))
    assert "secret" not in known
