"""The words of a notice, rendered when somebody reads it: in their language, from its facts."""

import logging
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from importlib.resources import files
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from babel.dates import format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError, UndefinedError
from jinja2.meta import find_undeclared_variables

from chassis.problems import LANGUAGES
from chassis.wording import ItemWords, Role, lower_first, unknown_item, word_quantity
from contracts.event import Quantity, Rest
from contracts.notices import HOUSEHOLD, ITSELF, NoticeTemplate, Pair, templates

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
LOCALES = {"zh-CN": "zh_CN", "en": "en"}
LANGUAGE_LABELS = {"zh-CN": ("中文", "Chinese"), "en": ("英文", "English")}
ROLES: Mapping[str, Role] = {"amount": "plain", "wish": "asked", "offer": "given"}
"""Words for a quantity in a notice: `amount` is 2 床棉被, `wish` 需要 2 床棉被, `offer` 提供 2 床棉被; also `sent_amount` and so on."""
_MOMENT = {"zh-CN": "M 月 d 日 HH:mm", "en": "HH:mm 'on' d MMMM"}
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://\S*|(?:[a-z0-9-]+\.)+[a-z]{2,}\S*", re.IGNORECASE | re.ASCII)
_MARKUP = str.maketrans("<>[]{}", "〈〉［］｛｝")


def read_out(language: str, value: Any) -> Any:
    """Read out what stands in braces: numbers as people of the language write them."""
    return format_decimal(value, locale=LOCALES[language]) if type(value) is int else value


# Plain text: pages that show it as HTML escape it.
ENVIRONMENTS = {
    language: Environment(undefined=StrictUndefined, autoescape=False, finalize=partial(read_out, language)) for language in LOCALES
}


@dataclass(frozen=True)
class Words:
    """The compiled words of one side of a notice, and the facts that are read out in another form."""

    compiled: Mapping[str, tuple[Template, Template]]
    labels: Mapping[str, Mapping[str, Pair]]
    amounts: Mapping[str, str]
    moments: tuple[str, ...]

    def render(self, facts: Mapping[str, Any], language: str, item: ItemWords) -> dict[str, str]:
        """Render title and text. Raises `UndefinedError` when the words name a fact that is missing."""
        title, text = self.compiled[language]
        known = self.readable(facts, language, item)
        return {"title": title.render(known), "text": text.render(known)}

    def readable(self, facts: Mapping[str, Any], language: str, item: ItemWords) -> dict[str, Any]:
        """Return the facts, and those that are read out in another form: quantities, moments, labels of codes."""
        known = dict(facts) | dict(self._readable(facts, language, item))
        return {name: defuse(value) if isinstance(value, str) and name != "category" else value for name, value in known.items()}

    def _readable(self, facts: Mapping[str, Any], language: str, item: ItemWords) -> Iterator[tuple[str, str]]:
        if "category" in facts:
            yield "item", item.label(language) if language == "zh-CN" else lower_first(item.label(language))
            yield "kind", item.kind
        for name, names in self.labels.items():
            if facts.get(name):
                yield f"{name}_label", _in_language(names.get(facts[name]), language) or facts[name]
            elif name in facts:
                yield f"{name}_label", ""
        for name, amount_name in self.amounts.items():
            if facts.get(name) is not None:
                is_unknown = name == "quantity" and facts.get("quantity_unknown")
                for word, role in ROLES.items():
                    quantity = None if is_unknown else facts[name]
                    yield amount_name.replace("amount", word), word_quantity(item, quantity, facts["unit"], language, role)
        for name in self.moments:
            if facts.get(name):
                moment = datetime.fromisoformat(facts[name]).astimezone(CHINA)
                yield name, format_datetime(moment, _MOMENT[language], tzinfo=CHINA, locale=LOCALES[language])


def defuse(value: str) -> str:
    """Return a fact without what a page or a mail program takes for markup, a link or a line of its own."""
    plain = _CONTROL.sub(" ", value).translate(_MARKUP)
    return _LINK.sub(lambda link: link[0].replace("://", "：//").replace(".", "．"), plain)


def words_for(kind: str, side: str, facts: Mapping[str, Any], language: str, item: ItemWords | None = None) -> dict[str, str]:
    """Render title and text; a notice that this version has no words for gets words that fit every notice."""
    try:
        return render(kind, side, facts, language, item)
    except (KeyError, UndefinedError) as error:
        log.error("a notice has no words", extra={"kind": kind, "side": side, "error": type(error).__name__})
        title, text = _fallback()[side][language]
        return {"title": title, "text": text}


def render(kind: str, side: str, facts: Mapping[str, Any], language: str, item: ItemWords | None = None) -> dict[str, str]:
    """Render title and text. Raises `KeyError` or `UndefinedError` when there are no words, or they name what the facts lack.

    `item` are the words of the item that the facts name; without them, its code stands for it.
    """
    return WORDS[kind, side].render(facts, language, item or unknown_item(str(facts.get("category", ""))))


def readable_facts(kind: str, side: str, facts: Mapping[str, Any], language: str, item: ItemWords) -> dict[str, Any]:
    """Return the facts of a notice as they are read out; a notice that this version does not know has only its facts."""
    words = WORDS.get((kind, side))
    return words.readable(facts, language, item) if words else dict(facts)


def compile_words(template: NoticeTemplate) -> Words:
    """Compile the words of one side. Raises `ValueError` for a template that is malformed or names an unknown fact."""
    hints, plain = get_type_hints(template.event, include_extras=True), get_type_hints(template.event)
    countable = {"unit", "category"} <= {*template.facts}
    amounts = {name: "amount" if name == "quantity" else f"{name}_amount" for name in template.facts if _is_quantity(hints[name])}
    words = Words(
        compiled={
            language: (_parsed(template, language, title), _parsed(template, language, text))
            for language, (title, text) in template.words.items()
        },
        labels={name: names for name, names in template.labels.items() if name in template.facts},
        amounts=amounts if countable else {},
        moments=tuple(name for name in template.facts if datetime in (plain[name], *get_args(plain[name]))),
    )
    amounts_in_words = {name.replace("amount", word) for name in words.amounts.values() for word in ROLES}
    known = {*template.facts, *amounts_in_words, *(f"{name}_label" for name in words.labels)}
    known |= {"item", "kind"} if "category" in template.facts else set()
    known |= {"on_behalf"} if {HOUSEHOLD, ITSELF} & {*template.to} else set()
    for pair in template.words.values():
        for text in pair:
            if unknown := find_undeclared_variables(ENVIRONMENTS["en"].parse(text)) - known:
                raise ValueError(f"{template.kind}: {template.side}: the words name {', '.join(sorted(unknown))}, which is no fact of it")
    return words


def _is_quantity(hint: Any) -> bool:
    """Tell whether a field counts units, with or without a description of its own; it may be empty."""
    parts = get_args(hint)
    counts = any(meta in (*get_args(Quantity), *get_args(Rest)) for meta in parts[1:])
    return counts or any(_is_quantity(part) for part in parts if get_origin(part) in (Annotated, Union, UnionType))


def _in_language(names: Any, language: str) -> str:
    return str(names[LANGUAGES.index(language)]) if names else ""


def _parsed(template: NoticeTemplate, language: str, text: str) -> Template:
    try:
        return ENVIRONMENTS[language].from_string(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"{template.kind}: {template.side}: {error.message}: {text}") from error


@cache
def _fallback() -> dict[str, dict[str, Pair]]:
    return tomllib.loads(files("notify").joinpath("fallback.toml").read_text("utf-8"))


WORDS: dict[tuple[str, str], Words] = {(template.kind, template.side): compile_words(template) for template in templates()}
