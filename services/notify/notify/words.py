"""The words of a notice, found when somebody reads it: in their language, from its figures and codes."""

import logging
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, UndefinedError

from chassis.problems import LANGUAGES

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
_MOMENT = {"zh-CN": "{0.month} 月 {0.day} 日 {0:%H:%M}", "en": "{0:%H:%M} on {0.day} {0:%B}"}


def told_as(kind: str, side: str, facts: Mapping[str, Any], language: str) -> dict[str, str]:
    """Title and text; words that fit everything for a notice that this version has no words for."""
    try:
        return render(kind, side, facts, language)
    except (KeyError, UndefinedError) as error:
        log.error("a notice has no words", extra={"kind": kind, "side": side, "error": type(error).__name__})
        return render("anything", side, facts, language)


def render(kind: str, side: str, facts: Mapping[str, Any], language: str) -> dict[str, str]:
    """Title and text. Raises `KeyError` or `UndefinedError` when there are no words, or they name what the facts lack."""
    known = dict(facts)
    if "category" in facts:
        known["item"] = _label("categories", facts["category"], language)
    if "quantity" in facts:
        known["amount"] = amount(facts["quantity"], facts["unit"], facts["category"], language)
    for name in ("sent", "received"):
        if name in facts:
            known[f"{name}_amount"] = amount(facts[name], facts["unit"], facts["category"], language)
    if facts.get("difference"):
        known["difference"] = _label("differences", facts["difference"], language)
    if "cause" in facts:
        known["cause"] = _label("causes", facts["cause"], language)
    if "outcome" in facts:
        known["finding"] = _label("findings", facts["outcome"], language)
    if "mark" in facts:
        known["mark"] = _label("marks", facts["mark"], language)
    if "reason" in facts:
        known["because"] = _label("reasons", facts["reason"], language)
    for name in ("answer_by", "decide_by"):
        if facts.get(name):
            known[name] = _MOMENT[language].format(datetime.fromisoformat(facts[name]).astimezone(CHINA))
    title, text = _templates()[kind, side, language]
    return {"title": title.render(known), "text": text.render(known)}


def amount(quantity: int, unit: str, category: str, language: str) -> str:
    """So much of something: 50 公斤大米, 50 kg of rice. Money is counted in fen and read in yuan."""
    item = _label("categories", category, language)
    number = f"{quantity / 100:,.2f}" if unit == "fen" else f"{quantity:,}"
    if language == "en" and item[:2].istitle():
        item = item[0].lower() + item[1:]
    forms = _labels()["units"].get(unit)
    if forms is None:
        return f"{number} {unit} {item}"
    zh, one, many = forms
    form = zh if language == "zh-CN" else one if quantity == 1 else many
    return str(form.format(n=number, item=item))


def _label(group: str, code: str, language: str) -> str:
    names = _labels()[group].get(code)
    return str(names[LANGUAGES.index(language)]) if names else code


@cache
def _labels() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files("notify").joinpath("labels.toml").read_text("utf-8"))


@cache
def _templates() -> dict[tuple[str, str, str], tuple[Template, Template]]:
    """Title and text by kind, side and language. They are plain text: whoever shows them as HTML escapes them."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    return {
        (kind, side, language): (environment.from_string(title), environment.from_string(text))
        for kind, sides in tomllib.loads(files("notify").joinpath("words.toml").read_text("utf-8")).items()
        for side, languages in sides.items()
        for language, (title, text) in languages.items()
    }
