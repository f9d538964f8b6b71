"""Compares two JSON Schemas in the direction in which what they describe travels: does the taker bear all that the giver may send?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
Way = Literal["told", "taken"]
LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("pattern", "multipleOf", "uniqueItems")
JUDGED = {*LOWEST, *HIGHEST, *EXACT, "type", "enum", "const", "format", "properties", "required", "items", "additionalProperties"}
FOLLOWED = {"$ref", "$defs", "anyOf", "oneOf", "allOf"}
SAID = {"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly"}


@dataclass(frozen=True)
class Change:
    """A change that somebody may not bear: where, and what. `grave` is False for what readers are asked to bear, but should hear of."""

    field: str
    what: str
    grave: bool = True


@dataclass(frozen=True)
class Comparison:
    """Of two documents, in one direction.

    `told`: old readers read what is told from now on. `taken`: what was written by the old rules is taken by the new ones. Readers that
    are not `exact`, as front ends, judge neither ranges nor patterns and bear new words.
    """

    old: Schema
    new: Schema
    way: Way
    exact: bool = True

    def changes(self, old: Schema, new: Schema, field: str = "", above: tuple[Any, ...] = ()) -> Iterator[Change]:
        """What the taker does not bear, field by field."""
        here = (old.get("$ref"), new.get("$ref"))
        if all(here) and here in above:
            return
        above = (*above, here)
        giver, taker = self._sides(_kinds(old, self.old), _kinds(new, self.new))
        if "anything" in taker:
            return
        for kind in giver.keys() - taker.keys():
            if not (kind == "integer" and "number" in taker):
                yield Change(field, f"may be {kind} now" if self.way == "told" else f"may not be {kind} any more")
        for kind in giver.keys() & taker.keys():
            if len(giver[kind]) == len(taker[kind]) == 1:
                yield from self._of_kind(giver[kind][0], taker[kind][0], field, above)
            elif giver[kind] != taker[kind]:
                yield Change(field, "is another choice of shapes now")

    def _sides(self, old: Any, new: Any) -> tuple[Any, Any]:
        """Who gives and who takes: what is told comes from the new side, what is taken from the old one."""
        return (new, old) if self.way == "told" else (old, new)

    def _of_kind(self, giver: Schema, taker: Schema, field: str, above: tuple[Any, ...]) -> Iterator[Change]:
        yield from self._words(giver, taker, field)
        if taker.get("format") not in {None, giver.get("format")}:
            yield Change(field, "has another format now")
        if self.exact:
            yield from self._ranges(giver, taker, field)
        if _unjudged(giver) != _unjudged(taker):
            yield Change(field, "changed in a way that cannot be judged")
        yield from self._fields(giver, taker, field, above)
        old, new = self._sides(giver, taker)
        for part, step in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(old.get(part), dict) or isinstance(new.get(part), dict):
                yield from self.changes(_shape(old.get(part)), _shape(new.get(part)), field + step, above)

    def _words(self, giver: Schema, taker: Schema, field: str) -> Iterator[Change]:
        if (known := taker.get("enum")) is None:
            return
        if giver.get("enum") is None:
            yield Change(field, "may be any word now" if self.way == "told" else "takes listed words only now")
        elif others := [word for word in giver["enum"] if word not in known]:
            listed = ", ".join(map(str, others))
            yield Change(field, f"may be {listed} now" if self.way == "told" else f"may not be {listed} any more", self.exact)

    def _ranges(self, giver: Schema, taker: Schema, field: str) -> Iterator[Change]:
        for rule in (rule for rule in (*LOWEST, *HIGHEST, *EXACT) if rule in taker):
            wanted, given = taker[rule], giver.get(rule)
            borne = given == wanted if rule in EXACT or given is None else given >= wanted if rule in LOWEST else given <= wanted
            if not borne:
                yield Change(field, f"has another {rule} now")

    def _fields(self, giver: Schema, taker: Schema, field: str, above: tuple[Any, ...]) -> Iterator[Change]:
        old, new = self._sides(giver.get("properties", {}), taker.get("properties", {}))
        must, given = set(taker.get("required", ())), set(giver.get("required", ()))
        if self.way == "taken" and taker.get("additionalProperties") is False and giver.get("additionalProperties") is not False:
            yield Change(field, "refuses now what it does not name")
        for name in sorted(old.keys() | new.keys() | must):
            at = f"{field}.{name}".lstrip(".")
            if name in old and name not in new:
                if self.way == "told" or taker.get("additionalProperties") is False:
                    yield Change(at, "is gone" if self.way == "told" else "is refused now")
            elif name in must - given:
                yield Change(at, "may be missing now" if self.way == "told" else "must be given now")
            if name in old and name in new:
                yield from self.changes(old[name], new[name], at, above)


def resolved(schema: Schema, document: Schema) -> Schema:
    """The schema with what it refers to, and all of `allOf`, written into it."""
    if "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = resolved(found, document) | {key: value for key, value in schema.items() if key != "$ref"}
    for part in (resolved(part, document) for part in schema.get("allOf", ())):
        schema = part | schema | {
            "properties": part.get("properties", {}) | schema.get("properties", {}),
            "required": [*part.get("required", ()), *schema.get("required", ())],
        }  # fmt: skip
    return schema


def _kinds(schema: Schema, document: Schema) -> dict[str, list[Schema]]:
    """The shapes that a value may have, by JSON type; `anything` when the schema does not say."""
    schema = resolved(schema, document)
    found: dict[str, list[Schema]] = {}
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        for choice in choices:
            for kind, shapes in _kinds(choice, document).items():
                found.setdefault(kind, []).extend(shapes)
        return found
    if "const" in schema:
        schema = schema | {"enum": [schema["const"]]}
    types = schema.get("type") or _types_of(schema)
    for kind in [types] if isinstance(types, str) else types:
        words = [word for word in schema["enum"] if (word is None) == (kind == "null")] if "enum" in schema else None
        if words != []:
            found[kind] = [schema | {"type": kind} | ({"enum": words} if words else {})]
    return found


def _types_of(schema: Schema) -> list[str]:
    """JSON types of a schema that names none: those of its words, an object's where it has fields, else anything."""
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    if "enum" in schema:
        return sorted({names[type(word)] for word in schema["enum"]})
    return ["object"] if "properties" in schema else ["array"] if "items" in schema else ["anything"]


def _unjudged(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in JUDGED | FOLLOWED | SAID and not key.startswith("x-")}


def _shape(schema: Any) -> Schema:
    return schema if isinstance(schema, dict) else {}
