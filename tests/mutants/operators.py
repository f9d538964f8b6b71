"""Mutants of a module: its source with one small change each, by mutmut's operators and three of our own.

mutmut changes functions only and copies each mutant beside its original. Here every mutant is a whole file, so that constants, tables and
SQL are changed too.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import unified_diff

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

Operator = Callable[[cst.CSTNode], Iterable[cst.CSTNode]]

SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|WHERE|FROM|ORDER BY|ON CONFLICT|FOR UPDATE|AND)\b")
SQL_CHANGES = [
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r" FOR UPDATE( OF \w+)?( SKIP LOCKED)?", ""),
        (r"\bIS NULL\b", "IS NOT NULL"),
        (r"\bIS NOT NULL\b", "IS NULL"),
        (r"\bNOT (?=\w|\()(?!NULL|EXISTS SELECT|VALID|MATERIALIZED)", ""),
        (r"\bAND\b", "OR"),
        (r"\bOR\b", "AND"),
        (r"(?<![<>!:])<(?![=>@])", "<="),
        (r"<=", "<"),
        (r"(?<![-=<>])>(?![=])", ">="),
        (r">=", ">"),
        (r" DESC\b", ""),
        (r"\btrue\b", "false"),
        (r"\bfalse\b", "true"),
        (r"(?<=\w) \+ (?=\w)", " - "),
        (r"(?<=\w) - (?=\w)", " + "),
    )
]
TOLD = {"log", "logger", "logging", "warnings"}
"""Objects whose calls only tell something."""
SAID = {"extra", "zh", "en", "metadata"}
"""Arguments that only tell something."""


@dataclass(frozen=True)
class Mutant:
    """One changed source: the line, what stood there and what stands there now."""

    path: str
    line: int
    old: str
    new: str
    source: str

    def diff(self, original: str) -> str:
        """Return the change as a unified diff without context."""
        lines = unified_diff(original.splitlines(), self.source.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def mutants_of(path: str, source: str) -> list[Mutant]:
    """List the mutants of a module, in the order of its lines, each result once."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    collector = _Collector()
    wrapper.visit(collector)
    starts = [0, *(end.end() for end in re.finditer("\n", source))]
    found: dict[str, Mutant] = {}
    for place, node, changed in collector.changes:
        start, end = (starts[one.line - 1] + one.column for one in (place.start, place.end))
        # To replace the text is a hundred times as fast; some nodes own whitespace outside of their place.
        is_plain = source[start:end] == wrapper.module.code_for_node(node)
        text = source[:start] + wrapper.module.code_for_node(changed) + source[end:] if is_plain else ""
        mutated = text or wrapper.module.deep_replace(node, changed).code  # type: ignore[union-attr]
        if mutated != source and mutated not in found and _compiles(mutated):
            old, new = _changed_lines(source, mutated)
            found[mutated] = Mutant(path, place.start.line, old, new, mutated)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _compiles(source: str) -> bool:
    try:
        compile(source, "<mutant>", "exec")
    except SyntaxError:
        return False
    return True


def _changed_lines(source: str, mutated: str) -> tuple[str, str]:
    lines = [line for line in unified_diff(source.splitlines(), mutated.splitlines(), lineterm="", n=0) if line[:3] not in {"---", "+++"}]
    old, new = (" ".join(line[1:].strip() for line in lines if line[:1] == sign) for sign in "-+")
    return old, new


class _Collector(cst.CSTVisitor):
    """Collects the changes of all nodes but annotations, overloads, imports, decorators, docstrings and calls that only tell something."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[CodeRange, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "cast":
            # The type is written for mypy.
            node.args[1].visit(self)
            return False
        if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom | cst.Decorator | cst.TypeAlias):
            return False
        if _is_overload(node) or _only_tells(node):
            return False
        for changed in _changes(node):
            self.changes.append((self.get_metadata(PositionProvider, node), node, changed))
        return True


def _is_overload(node: cst.CSTNode) -> bool:
    """Tell whether this is a function that is written for mypy alone."""
    decorators = [one.decorator for one in node.decorators] if isinstance(node, cst.FunctionDef) else []
    return any(isinstance(one, cst.Name) and one.value == "overload" for one in decorators)


def _only_tells(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleStatementLine):
        first = node.body[0]
        if isinstance(first, cst.Assign) and isinstance(first.targets[0].target, cst.Name):
            # The name of a type, in words that begin with capitals, is written for readers and mypy.
            return bool(re.fullmatch(r"([A-Z][a-z]+)+|[A-Z]", first.targets[0].target.value))
        value = first.value if isinstance(first, cst.Expr) else None
        if isinstance(value, cst.SimpleString | cst.ConcatenatedString):
            return True
        called = value.func if isinstance(value, cst.Call) else None
        return isinstance(called, cst.Attribute) and isinstance(called.value, cst.Name) and called.value.value in TOLD
    named = isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in {"TypeVar", "getLogger"}
    return named or (isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value in SAID)


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in OPERATORS:
        if isinstance(node, kind):
            yield from operator(node)


def skip_guard(node: cst.If) -> Iterator[cst.If]:
    """Leave out a branch that ends in `raise`, `return`, `continue` or `break`."""
    last = node.body.body[-1] if isinstance(node.body, cst.IndentedBlock) else node.body
    small = last.body[-1] if isinstance(last, cst.SimpleStatementLine | cst.SimpleStatementSuite) else None
    if isinstance(small, cst.Raise | cst.Return | cst.Continue | cst.Break):
        yield node.with_changes(test=cst.Name("False"))


def change_arguments(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Drop an argument with a name, unless it only tells something; put None in place of one without."""
    for changed in mutators.operator_arg_removal(node):
        is_dropped = len(changed.args) < len(node.args)  # type: ignore[attr-defined]
        if is_dropped:
            kept = {id(arg) for arg in changed.args}  # type: ignore[attr-defined]
            dropped = [arg for arg in node.args if id(arg) not in kept]
        else:
            dropped = [old for old, new in zip(node.args, changed.args, strict=True) if old is not new]  # type: ignore[attr-defined]
        is_said = any(arg.keyword is not None and arg.keyword.value in SAID for arg in dropped)
        if all((arg.keyword is not None) == is_dropped and not arg.star for arg in dropped) and not is_said:
            yield changed


def change_text(node: cst.SimpleString | cst.FormattedStringText) -> Iterator[cst.CSTNode]:
    """Change an SQL statement's conditions, order and locks; add letters to any other text."""
    if SQL.search(node.value):
        for pattern, instead in SQL_CHANGES:
            for match in pattern.finditer(node.value):
                yield node.with_changes(value=node.value[: match.start()] + instead + node.value[match.end() :])
    elif isinstance(node, cst.SimpleString) and len(node.value) > 2 and not node.prefix:
        yield from (one for one in mutators.operator_string(node) if "XX" in one.value)  # type: ignore[attr-defined]


OPERATORS: list[tuple[type, Operator]] = [
    (kind, operator)
    for kind, operator in mutators.mutation_operators
    if operator not in {mutators.operator_string, mutators.operator_arg_removal, mutators.operator_dict_arguments}
] + [(cst.If, skip_guard), (cst.Call, change_arguments), (cst.SimpleString, change_text), (cst.FormattedStringText, change_text)]
