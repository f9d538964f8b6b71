"""HTTP routes of templates: read the words of a region, try others out, set them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from apiflask import APIBlueprint
from marshmallow import fields
from sqlalchemy.orm import Session

from chassis.http.auth import STAFF, Caller
from chassis.http.fields import AllowedOperations, Choice, Region, Schema, Strict, Text
from chassis.http.routes import access
from chassis.problems import not_found
from contracts.notices import NoticeTemplate, kinds, templates
from notify.templates import actions, queries, rules
from notify.templates.actions import LANGUAGE_FIELDS
from notify.templates.fields import ITEM, example_facts, fields_of, required_of, template_of
from notify.templates.model import WordSet
from notify.templates.sandbox import LONGEST, WordingError, render
from notify.words import WORDS

api = APIBlueprint("templates", __name__)

KINDS = kinds()
SIDES = {"giver": ("帮扶方", "the giver"), "household": ("需求方", "the household's side"), "administrator": ("管理员", "administrators")}
USES = {"text": ("可写入文字", "stands in the text"), "condition": ("只能用于判断", "decides in a condition")}
FORM = "text with `{{ field }}` and `{% if field %}…{% else %}…{% endif %}`; conditions compare by `==`, `!=`, `and`, `or`, `not`"


class AskedIn(Strict):
    region = Region(rules.REGION_LENGTHS, load_default="", metadata={"description": "county, city or province; empty is the whole country"})


class TemplateRegionIn(Strict):
    region = Region(rules.REGION_LENGTHS, required=True, metadata={"description": "county, city or province; empty is the whole country"})


class TextsIn(Strict):
    title = Text(LONGEST["title"], required=True, metadata={"description": FORM})
    text = Text(LONGEST["text"], required=True, metadata={"description": FORM})


class WordsIn(Strict):
    zh = fields.Nested(TextsIn, required=True)
    en = fields.Nested(TextsIn, required=True)


class NoticeTemplateIn(Strict):
    words = fields.Nested(
        WordsIn, required=True, allow_none=True, metadata={"description": "null ends the region's words: those around it hold again"}
    )


class PreviewIn(Strict):
    words = fields.Nested(WordsIn, required=True)


class TextsOut(Schema):
    title = fields.String(required=True)
    text = fields.String(required=True)


class NoticeWordsOut(Schema):
    """A title and a text in Chinese and English."""

    zh = fields.Nested(TextsOut, required=True)
    en = fields.Nested(TextsOut, required=True)


class NoticePreviewOut(Schema):
    """An example in the words that are tried."""

    preview = fields.Nested(NoticeWordsOut, required=True)


class WordSetOut(Schema):
    """One version of a region's words; null are those that ended them."""

    region = fields.String(required=True)
    version = fields.Integer(required=True)
    words = fields.Nested(NoticeWordsOut, required=True, allow_none=True)
    set_by = fields.UUID(required=True)
    set_at = fields.AwareDateTime(required=True)


class TemplateFieldOut(Schema):
    """A field that words may use. One that `may_be_empty` stands in the text behind `{% if … %}` alone."""

    name = fields.String(required=True)
    use = Choice(USES, required=True)
    may_be_empty = fields.Boolean(required=True)
    example_zh = fields.String(required=True)
    example_en = fields.String(required=True)


class TemplateEntryOut(Schema):
    """One side of a kind of notice, and whose words hold for it."""

    id = fields.String(required=True, metadata={"description": "kind and side, such as `match_refused.giver`"})
    kind = Choice(KINDS, required=True)
    side = Choice(SIDES, required=True)
    region = fields.String(required=True, allow_none=True, metadata={"description": "whose words hold; null are the shipped ones"})
    version = fields.Integer(required=True, metadata={"description": "the version of that region's words, 0 of the shipped ones"})


class TemplatesOut(Schema):
    items = fields.List(fields.Nested(TemplateEntryOut), required=True)


class NoticeTemplateOut(Schema):
    """The words for one side of a kind of notice in a region: those in force, the shipped ones, and the last fifty versions of its own."""

    id = fields.String(required=True)
    kind = Choice(KINDS, required=True)
    side = Choice(SIDES, required=True)
    region = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "the last version that just this region set, 0 without any"})
    in_force = fields.Nested(WordSetOut, required=True, allow_none=True, metadata={"description": "null where the shipped words hold"})
    shipped = fields.Nested(NoticeWordsOut, required=True)
    fields_allowed = fields.List(fields.Nested(TemplateFieldOut), required=True)
    fields_required = fields.List(
        fields.List(fields.String()),
        required=True,
        metadata={"description": "of each list, one field has to be in the text, in both languages"},
    )
    preview = fields.Nested(NoticeWordsOut, required=True, metadata={"description": "what the words in force say of an example"})
    history = fields.List(fields.Nested(WordSetOut), required=True)
    allowed = AllowedOperations()


@api.get("/notice-templates")
@access(who=STAFF, x_view="region")
@api.input(AskedIn, location="query")
@api.output(TemplatesOut)
def list_notice_templates(session: Session, caller: Caller, query_data: dict[str, Any]) -> Any:
    """List every kind of notice with the region whose words hold, as an administrator of the region or of a part of it."""
    region = query_data["region"]
    if not rules.may_read(caller, region):
        raise not_found()
    wordings = queries.load_wordings(session, [region])
    found = [(one, wordings.find(region, one.kind, one.side)) for one in templates()]
    return {
        "items": [
            {"id": _id_of(one), "kind": one.kind, "side": one.side}
            | {"region": held.region if held else None, "version": held.version if held else 0}
            for one, held in found
        ]
    }


@api.get("/notice-templates/<string(maxlength=120):template_id>")
@access(who=STAFF, x_view="region")
@api.input(AskedIn, location="query")
@api.output(NoticeTemplateOut)
def get_notice_template(session: Session, caller: Caller, template_id: str, query_data: dict[str, Any]) -> Any:
    """Get the words of one side of a kind of notice in a region, with the fields that words may use."""
    return _answer(session, caller, query_data["region"], _find(template_id))


@api.put("/notice-templates/<string(maxlength=120):template_id>")
@access(who=STAFF, x_view="region")
@api.input(TemplateRegionIn, location="query")
@api.input(NoticeTemplateIn)
@api.output(NoticeTemplateOut)
def set_notice_template(session: Session, caller: Caller, template_id: str, query_data: dict[str, Any], json_data: dict[str, Any]) -> Any:
    """Set a new version of a region's words, from now on. Short texts of SMS stay as they are: providers approve them."""
    region, template = query_data["region"], _find(template_id)
    actions.set_words(session, caller, region, template, json_data["words"])
    return _answer(session, caller, region, template)


@api.post("/notice-templates/<string(maxlength=120):template_id>/preview")
@access(who=STAFF, x_view="region", idempotent=False)
@api.input(PreviewIn)
@api.output(NoticePreviewOut)
def preview_notice_template(session: Session, caller: Caller, template_id: str, json_data: dict[str, Any]) -> Any:
    """Show what words would say of an example, and store nothing. They are checked as if they were set."""
    template = _find(template_id)
    actions.check_words(template, json_data["words"])
    return {"preview": _preview(template, json_data["words"])}


def _find(template_id: str) -> NoticeTemplate:
    kind, _, side = template_id.partition(".")
    template = template_of(kind, side)
    if template is None:
        raise not_found()
    return template


def _answer(session: Session, caller: Caller, region: str, template: NoticeTemplate) -> dict[str, Any]:
    history = queries.list_history(session, caller, region, template.kind, template.side)
    in_force = queries.load_wordings(session, [region], [template.kind]).find(region, template.kind, template.side)
    return {
        "id": _id_of(template),
        "kind": template.kind,
        "side": template.side,
        "region": region,
        "version": history[0].version if history else 0,
        "in_force": in_force,
        "shipped": {field: _texts(template.words[language]) for field, language in LANGUAGE_FIELDS.items()},
        "fields_allowed": _allowed_fields(template),
        "fields_required": [sorted(one) for one in required_of(template)],
        "preview": _preview_of(template, in_force),
        "history": history,
        "allowed": ["set_notice_template"] if caller.manages(region) else [],
    }


def _id_of(template: NoticeTemplate) -> str:
    return f"{template.kind}.{template.side}"


def _texts(pair: Sequence[str]) -> dict[str, str]:
    return dict(zip(LONGEST, pair, strict=True))


def _allowed_fields(template: NoticeTemplate) -> list[dict[str, Any]]:
    facts, words = example_facts(template), WORDS[template.kind, template.side]
    shown = {field: words.readable(facts, language, ITEM) for field, language in LANGUAGE_FIELDS.items()}
    return [
        {"name": name, "use": one.use, "may_be_empty": one.may_be_empty}
        | {f"example_{field}": _example(known.get(name)) for field, known in shown.items()}
        for name, one in fields_of(template).items()
    ]


def _example(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _preview(template: NoticeTemplate, words: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    facts = example_facts(template)
    return {field: render(template, language, words[field], facts, ITEM) for field, language in LANGUAGE_FIELDS.items()}


def _preview_of(template: NoticeTemplate, in_force: WordSet | None) -> dict[str, Any]:
    """Return what the words in force say of an example; those of a region that fail give way to the shipped ones."""
    facts, words = example_facts(template), WORDS[template.kind, template.side]
    if in_force is not None and in_force.words is not None:
        with suppress(WordingError, KeyError):
            return _preview(template, in_force.words)
    return {field: words.render(facts, language, ITEM) for field, language in LANGUAGE_FIELDS.items()}
