"""The problems that an operation may answer, found in the code that its route can reach.

A route reaches the functions, classes and tables that it names, and what those name in turn. The search errs on the side of more:
a problem of a branch that this route never takes is listed too.
"""

import contextlib
import functools
import types
from collections.abc import Collection, Iterator, Mapping
from inspect import unwrap
from typing import Any

from chassis import problems
from chassis.http import cookies, rate_limits, versions
from chassis.problems import Problem

Kinds = frozenset[type[Problem]]
EVERYWHERE: Kinds = frozenset(
    {
        problems.bad_json,
        problems.bad_request,
        problems.bad_text,
        problems.body_too_slow,
        problems.broken,
        problems.header_too_large,
        problems.method_not_allowed,
        problems.not_utf8,
        problems.repeated_parameter,
        problems.too_large,
        problems.unavailable,
        problems.unsupported_type,
        rate_limits.too_many,
    }
)
"""What is wrong with a request before its operation looks at it, and what keeps the server from answering."""
WITH_INPUT = {problems.invalid}
SIGNED_IN = {problems.sign_in_needed, problems.not_allowed}
WRITES = {cookies.foreign_origin, versions.no_precondition}
KEYED = {problems.in_progress, problems.key_reused, problems.invalid}
ACTS = "acts_on_"
CONTAINERS = (Mapping, tuple, list, set, frozenset, functools.partial)


def possible_problems(view: Any, method: str, operation: Mapping[str, Any]) -> Kinds:
    """Return the problems of an operation as its document describes it."""
    found = EVERYWHERE | _reached(unwrap(view)) | {problems.not_found}
    if "requestBody" in operation or operation.get("parameters"):
        found |= WITH_INPUT
    if operation.get("security"):
        found |= SIGNED_IN
    else:
        found |= {problems.sign_in_needed}
    if method != "get":
        found |= WRITES
    if operation.get("x-second-factor"):
        found |= {problems.second_factor_needed}
    if "If-Match" in {one["name"] for one in operation.get("parameters", ())}:
        found |= {versions.stale}
    if method in {"patch", "put"} or "x-same-as" in operation:
        found |= {versions.precondition_needed}
    if method == "post" and operation.get("security") and operation.get("x-idempotent"):
        found |= KEYED
    return frozenset(found)


def by_status(kinds: Collection[type[Problem]]) -> dict[str, list[str]]:
    """Return the codes of problems by status, both in order."""
    statuses = sorted({kind.status for kind in kinds})
    return {str(status): sorted({kind.code for kind in kinds if kind.status == status}) for status in statuses}


@functools.cache
def _reached(start: Any) -> Kinds:
    """Return the problems that a function can reach in its service and in the chassis."""
    ours = {"chassis", start.__module__.partition(".")[0]}
    seen: dict[int, Any] = {}
    found: set[type[Problem]] = set()
    waiting = [start]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, type) and issubclass(thing, Problem):
            found.add(thing)
        elif isinstance(thing, CONTAINERS) or (getattr(thing, "__module__", None) or "").partition(".")[0] in ours:
            waiting.extend(_named(thing))
    return frozenset(found - {Problem})


def _named(thing: Any) -> Iterator[Any]:
    """Yield what a function, a class, a table or an object of ours names."""
    if isinstance(thing, Mapping):
        yield from thing.values()
    elif hasattr(thing, "access") or ACTS in getattr(thing, "__name__", ""):
        # No route calls another one. Answers list what may be done next: reasons against that are not reasons against this operation.
        return
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif isinstance(thing, functools.partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, types.FunctionType):
        yield from _named_by_function(thing)
    elif isinstance(thing, type):
        for value in vars(thing).values():
            yield value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    else:
        yield from (type(thing), *getattr(thing, "__dict__", {}).values())


def _named_by_function(function: types.FunctionType) -> Iterator[Any]:
    yield getattr(function, "__wrapped__", None)
    yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *function.__annotations__.values())
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):
            yield cell.cell_contents
    for names in _names_in(function.__code__):
        for name in names:
            value = function.__globals__.get(name)
            yield from (vars(value).get(one) for one in names) if isinstance(value, types.ModuleType) else (value,)


def _names_in(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """Yield the names of a function and of each function inside it. Among them are attributes: of which module, is not told."""
    yield code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)
