"""Mutations of an alert: each takes out one guard of its rule, so some promtool case has to fail."""

import re
from collections.abc import Iterator
from typing import Any

NAMESPACES = re.compile(r'\b(exported_)?namespace="duijie"')
MATCHER = re.compile(r'\b(\w+)(?:=~|!~|!=|=)"[^"]*"')
COMPARISON = re.compile(r"(>=|<=|==|>|<) ([\d.]+(?: \* [\d.]+)?|duijie_pool_size)")
ALWAYS = {">=": ">= -1e15 *", ">": "> -1e15 *", "==": ">= -1e15 *", "<": "< 1e15 *"}


def mutate(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield mutants of a rule, each with the guard that it lacks."""
    expr: str = rule["expr"]
    yield "it can fire", rule | {"expr": "vector(0) > 1"}
    if "for" in rule:
        yield "it waits", rule | {"for": "0s"}
    yield "this namespace", rule | {"expr": NAMESPACES.sub(r'\1namespace=~".*"', expr)}
    for matcher, name in sorted({(found.group(), found[1]) for found in MATCHER.finditer(expr)}):
        if not NAMESPACES.fullmatch(matcher):
            yield matcher, rule | {"expr": re.sub(rf"\b{re.escape(matcher)}", f'{name}=~".*"', expr)}
    for found in COMPARISON.finditer(expr):
        yield found.group(), rule | {"expr": f"{expr[: found.start()]}{_bound(found)}{expr[found.end() :]}"}


def _bound(found: re.Match[str]) -> str:
    sign, value = found.groups()
    if "absent(" in found.string or "unless " in found.string:
        return "!= -1"  # NaN differs from every number, and is above none.
    return f"{ALWAYS[sign]} {value if value == 'duijie_pool_size' else '1'}"
