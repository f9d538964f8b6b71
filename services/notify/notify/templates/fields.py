"""The fields that a region's words may use: which of them stand in the text, and which decide between two wordings."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from jinja2 import nodes

from chassis.wording import ItemWords
from contracts.event import Event
from contracts.generate import example_of
from contracts.notices import HOUSEHOLD, NoticeTemplate, templates
from notify.rules import shown_value
from notify.words import ENVIRONMENTS, ROLES, WORDS, Words

Use = Literal["text", "condition"]
CODES = ("category", "unit", "region")
"""Facts that stand in no text: their words do."""
ITEM = ItemWords("food.rice", "kg", "goods", "大米", "Rice")
"""The item of examples."""


@dataclass(frozen=True)
class Field:
    """A field of one side of a notice. One that `may_be_empty` stands behind `{% if … %}` alone."""

    name: str
    use: Use
    may_be_empty: bool


def template_of(kind: str, side: str) -> NoticeTemplate | None:
    """Return the shipped entry of one side of a notice; None without any."""
    return _by_side().get((kind, side))


def fields_of(template: NoticeTemplate) -> dict[str, Field]:
    """Return the fields of one side of a notice, by name: what its facts say in words, and what they decide."""
    return _fields_by_side()[template.kind, template.side]


@cache
def _fields_by_side() -> dict[tuple[str, str], dict[str, Field]]:
    return {side: {one.name: one for one in _fields_of(template, WORDS[side])} for side, template in _by_side().items()}


@cache
def _by_side() -> dict[tuple[str, str], NoticeTemplate]:
    return {(one.kind, one.side): one for one in templates()}


def _fields_of(template: NoticeTemplate, words: Words) -> Iterator[Field]:
    hints = get_type_hints(template.event)
    if "category" in template.facts:
        yield Field("item", "text", False)
        yield Field("kind", "condition", False)
    if HOUSEHOLD in template.to:
        yield Field("on_behalf", "condition", False)
    for name in template.facts:
        hint, may_be_empty = hints[name], type(None) in get_args(hints[name])
        if name in CODES or _is_of_no_words(hint):
            continue
        if name in words.amounts:
            for word in ROLES:
                yield Field(words.amounts[name].replace("amount", word), "text", may_be_empty)
        elif name in words.labels:
            yield Field(f"{name}_label", "text", may_be_empty)
            yield Field(name, "condition", may_be_empty)
        elif name in words.moments or {int, str} & {hint, *get_args(hint)}:
            yield Field(name, "text", may_be_empty)
        else:
            yield Field(name, "condition", may_be_empty)


def _is_of_no_words(hint: Any) -> bool:
    """Tell whether a fact is an id or a list, which nobody reads."""
    kinds = {hint, *get_args(hint)}
    return any(getattr(one, "__name__", "") in {"UUID", "list"} or getattr(one, "__origin__", None) is list for one in kinds)


def required_of(template: NoticeTemplate) -> tuple[frozenset[str], ...]:
    """Return what words have to state, because the shipped ones do in both languages: of each set one field, such as `amount` or `wish`."""
    stated = [{_alternatives(name) for text in pair for name in _always_printed(text)} for pair in template.words.values()]
    return tuple(sorted((one for one in set.intersection(*stated) if one & fields_of(template).keys()), key=sorted))


def _always_printed(text: str) -> Iterator[str]:
    """Yield the fields that a text prints whatever the facts are."""
    for output in ENVIRONMENTS["en"].parse(text).body:
        if isinstance(output, nodes.Output):
            yield from (node.name for node in output.nodes if isinstance(node, nodes.Name))


def _alternatives(name: str) -> frozenset[str]:
    """Return the words for the same quantity: `amount`, `wish`, `offer`."""
    for word in ROLES:
        if name == word or name.endswith(f"_{word}"):
            return frozenset(name.removesuffix(word) + one for one in ROLES)
    return frozenset({name})


def example_facts(template: NoticeTemplate) -> dict[str, Any]:
    """Return the facts of an example, as its recipient would be shown them."""
    event: Event = example_of(template.event)
    facts = {name: shown_value(getattr(event, name), name, template.side) for name in template.facts}
    if "category" in facts:
        facts |= {"category": ITEM.category} | ({"unit": ITEM.unit} if "unit" in facts else {})
    return facts | ({"on_behalf": False} if HOUSEHOLD in template.to else {})


def example_variants(template: NoticeTemplate) -> Iterator[dict[str, Any]]:
    """Yield the facts of an example, and again with each optional fact missing and each flag turned."""
    facts, hints = example_facts(template), get_type_hints(template.event)
    yield facts
    for name, value in facts.items():
        if isinstance(value, bool):
            yield facts | {name: not value}
        elif type(None) in get_args(hints.get(name)):
            yield facts | {name: None}
