"""Words that people of a region write: checked before they are stored, and rendered where they can do nothing but fill in fields."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from chassis.problems import FieldCode
from chassis.wording import ItemWords
from contracts.notices import NoticeTemplate
from notify.templates.fields import ITEM, Field, example_variants, fields_of, required_of
from notify.words import LOCALES, WORDS, read_out

LONGEST = {"title": 60, "text": 600}
"""The most characters of a template."""
LONGEST_RENDERED = {"title": 80, "text": 1000}
"""The most characters of what it says."""
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not,
)  # fmt: skip
"""Text, fields, and conditions. There are no attributes, items, calls, filters, loops, assignments, arithmetic or includes."""
_COMPARISONS = {"eq", "ne"}
_FIELD = "\0"
"""A field in what a template may say: its value is defused when it is filled in."""
MOST_SAYINGS = 256
_CONTACT = re.compile(
    r"[a-z][a-z0-9+.-]*://|www\.|[\w.+-]+@[\w-]+|(?:[a-z0-9-]+\.)+[a-z]{2,}\b|(?<!\d)1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)|\d{15}",
    re.IGNORECASE | re.ASCII,
)
"""A link, a mail address, a mobile number or a number of an ID. A landline, such as a county's, may be named."""


class _Empty:
    """A field that says nothing: conditions find it false, and printing it fails."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        raise UndefinedError("a field is empty")


_EMPTY = _Empty()


def _say(language: str, value: Any) -> Any:
    """Read out a field. Raises `UndefinedError` for one that says nothing."""
    return str(value) if value is _EMPTY else read_out(language, value)


_ENVIRONMENTS = {
    language: ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=partial(_say, language), cache_size=0)
    for language in LOCALES
}
for _one in _ENVIRONMENTS.values():
    _one.globals.clear()
    _one.filters.clear()
    _one.tests.clear()


class WordingError(Exception):
    """A region's words could not be rendered."""


def find_faults(template: NoticeTemplate, language: str, words: Mapping[str, str]) -> Iterator[tuple[str, FieldCode]]:
    """Find what is wrong with title and text in one language: the part and the error."""
    fields = fields_of(template)
    used: set[str] = set()
    faults = []
    for part, text in words.items():
        try:
            tree = _ENVIRONMENTS[language].parse(text)
        except (TemplateSyntaxError, RecursionError):
            faults.append((part, FieldCode("template_form")))
            continue
        faults += [(part, fault) for fault in _faults_of(tree, fields)]
        used |= {node.name for node in tree.find_all(nodes.Name)}
        said = _list_sayings(tree.body)
        if said is None:
            faults.append((part, FieldCode("template_form")))
        elif any(_CONTACT.search(unicodedata.normalize("NFKC", one)) for one in said):
            faults.append((part, FieldCode("template_contact")))
    if not faults:
        missing = [min(one) for one in required_of(template) if not one & used]
        faults += [("text", FieldCode("template_field_missing", name=name)) for name in missing]
    if not faults:
        faults += _faults_of_rendering(template, language, words)
    yield from faults


def _faults_of(tree: nodes.Template, fields: Mapping[str, Field]) -> Iterator[FieldCode]:
    inner = [node for node in _walk(tree) if not isinstance(node, _ALLOWED)]
    comparisons = {operand.op for operand in tree.find_all(nodes.Operand)}
    if inner or comparisons - _COMPARISONS:
        yield FieldCode("template_form")
        return
    printed = {node.name for output in tree.find_all(nodes.Output) for child in output.nodes for node in _printed(child)}
    for name in sorted({node.name for node in tree.find_all(nodes.Name)}):
        if name not in fields or (name in printed and fields[name].use != "text"):
            yield FieldCode("template_field_unknown", name=name[:50])


def _list_sayings(found: Sequence[nodes.Node]) -> list[str] | None:
    """List every text that these nodes may say, by each way through their conditions; None for more than `MOST_SAYINGS`.

    A link may be put together from pieces that are none.
    """
    said = [""]
    for node in found:
        ways = _list_ways(node)
        if ways is None or len(said) * len(ways) > MOST_SAYINGS:
            return None
        said = [before + after for before in said for after in ways]
    return said


def _list_ways(node: nodes.Node) -> list[str] | None:
    match node:
        case nodes.TemplateData():
            return [node.data]
        case nodes.Const():
            return [str(node.value)]
        case nodes.Output():
            return _list_sayings(node.nodes)
        case nodes.If():
            branches = [_list_sayings(node.body), *map(_list_ways, node.elif_), _list_sayings(node.else_)]
        case nodes.CondExpr():
            branches = [_list_ways(one) for one in (node.expr1, node.expr2) if one is not None]
        case nodes.And() | nodes.Or():
            branches = [_list_ways(node.left), _list_ways(node.right)]
        case _:
            return [_FIELD]
    return None if None in branches else [way for one in branches if one for way in one]


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _printed(node: nodes.Node) -> Iterator[nodes.Name]:
    """Yield the fields of which the value itself is printed, not only looked at."""
    if isinstance(node, nodes.Name):
        yield node
    elif isinstance(node, nodes.CondExpr):
        yield from _printed(node.expr1)
        yield from _printed(node.expr2) if node.expr2 else ()
    elif isinstance(node, nodes.And | nodes.Or):
        yield from _printed(node.left)
        yield from _printed(node.right)


def _faults_of_rendering(template: NoticeTemplate, language: str, words: Mapping[str, str]) -> Iterator[tuple[str, FieldCode]]:
    """Render the words with every example; a field that may be empty has to stand behind a condition."""
    for facts in example_variants(template):
        known = _fill(template, language, facts, ITEM)
        for part, text in words.items():
            try:
                said = compile_text(language, text).render(known)
            except Exception:
                yield part, FieldCode("template_field_empty", name="、".join(sorted(_may_be_empty(template, language, text))) or part)
                return
            if not said.strip() or len(said) > LONGEST_RENDERED[part]:
                yield part, FieldCode("template_length", most=LONGEST_RENDERED[part])
                return


def _fill(template: NoticeTemplate, language: str, facts: Mapping[str, Any], item: ItemWords) -> dict[str, Any]:
    """Return the fields that words may use, and nothing else of the facts."""
    known = WORDS[template.kind, template.side].readable(facts, language, item)
    return {name: _EMPTY if known.get(name) in (None, "") else known[name] for name in fields_of(template)}


def _may_be_empty(template: NoticeTemplate, language: str, text: str) -> set[str]:
    named = {node.name for node in _ENVIRONMENTS[language].parse(text).find_all(nodes.Name)}
    return {name for name, one in fields_of(template).items() if name in named and one.may_be_empty}


@lru_cache(maxsize=2000)
def compile_text(language: str, text: str) -> Template:
    """Compile one text that was checked."""
    return _ENVIRONMENTS[language].from_string(text)


def render(template: NoticeTemplate, language: str, words: Mapping[str, str], facts: Mapping[str, Any], item: ItemWords) -> dict[str, str]:
    """Render title and text. Raises `WordingError` when a field is missing or empty, or too much would be said."""
    known = _fill(template, language, facts, item)
    said = {}
    for part in LONGEST:
        try:
            said[part] = compile_text(language, words[part]).render(known)
        except Exception as error:
            # Whatever goes wrong with words of a region, its people read the shipped ones.
            raise WordingError(type(error).__name__) from None
        if not said[part].strip() or len(said[part]) > LONGEST_RENDERED[part]:
            raise WordingError("length")
    return said
