"""The comparison of two JSON Schemas: does the receiver accept everything that the sender may send?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
Way = Literal["new to old", "old to new"]
LOWEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("pattern", "multipleOf", "uniqueItems")
JUDGED = {*LOWEST, *HIGHEST, *EXACT, "type", "enum", "const", "format", "properties", "required", "items", "additionalProperties"}
FOLLOWED = {"$ref", "$defs", "anyOf", "oneOf", "allOf"}
SAID = {"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly"}


@dataclass(frozen=True)
class Change:
    """A change that a receiver may not accept. `grave` is False for a warning: readers should learn of it and accept it."""

    field: str
    what: str
    grave: bool = True


@dataclass(frozen=True)
class Comparison:
    """A comparison of two documents in one direction.

    `new to old`: old readers receive what new writers send. `old to new`: new readers receive what old writers sent. Readers that are
    not `exact`, such as front ends, check no ranges and no patterns, and accept new words.
    """

    old: Schema
    new: Schema
    way: Way
    exact: bool = True

    def changes(self, old: Schema, new: Schema, field: str = "", above: tuple[Any, ...] = ()) -> Iterator[Change]:
        """List what the receiver does not accept, field by field."""
        here = (old.get("$ref"), new.get("$ref"))
        if all(here) and here in above:
            return
        above = (*above, here)
        sender, receiver = self._sides(_kinds(old, self.old), _kinds(new, self.new))
        if "anything" in receiver:
            return
        for kind in sender.keys() - receiver.keys():
            if not (kind == "integer" and "number" in receiver):
                yield Change(field, f"may be {kind} now" if self.way == "new to old" else f"may not be {kind} any more")
        for kind in sender.keys() & receiver.keys():
            if len(sender[kind]) == len(receiver[kind]) == 1:
                yield from self._of_kind(sender[kind][0], receiver[kind][0], field, above)
            elif sender[kind] != receiver[kind]:
                yield Change(field, "is another choice of shapes now")

    def _sides(self, old: Any, new: Any) -> tuple[Any, Any]:
        """Order two sides as sender and receiver."""
        return (new, old) if self.way == "new to old" else (old, new)

    def _of_kind(self, sender: Schema, receiver: Schema, field: str, above: tuple[Any, ...]) -> Iterator[Change]:
        yield from self._words(sender, receiver, field)
        if receiver.get("format") not in {None, sender.get("format")}:
            yield Change(field, "has another format now")
        if self.exact:
            yield from self._ranges(sender, receiver, field)
        if _unjudged(sender) != _unjudged(receiver):
            yield Change(field, "changed in a way that cannot be judged")
        yield from self._fields(sender, receiver, field, above)
        old, new = self._sides(sender, receiver)
        for part, step in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(old.get(part), dict) or isinstance(new.get(part), dict):
                yield from self.changes(_shape(old.get(part)), _shape(new.get(part)), field + step, above)

    def _words(self, sender: Schema, receiver: Schema, field: str) -> Iterator[Change]:
        if (known := receiver.get("enum")) is None:
            return
        if sender.get("enum") is None:
            yield Change(field, "may be any word now" if self.way == "new to old" else "takes listed words only now")
        elif others := [word for word in sender["enum"] if word not in known]:
            listed = ", ".join(map(str, others))
            yield Change(field, f"may be {listed} now" if self.way == "new to old" else f"may not be {listed} any more", self.exact)

    def _ranges(self, sender: Schema, receiver: Schema, field: str) -> Iterator[Change]:
        for rule in (rule for rule in (*LOWEST, *HIGHEST, *EXACT) if rule in receiver):
            wanted, given = receiver[rule], sender.get(rule)
            is_accepted = given == wanted if rule in EXACT or given is None else given >= wanted if rule in LOWEST else given <= wanted
            if not is_accepted:
                yield Change(field, f"has another {rule} now")

    def _fields(self, sender: Schema, receiver: Schema, field: str, above: tuple[Any, ...]) -> Iterator[Change]:
        old, new = self._sides(sender.get("properties", {}), receiver.get("properties", {}))
        must, given = set(receiver.get("required", ())), set(sender.get("required", ()))
        if self.way == "old to new" and receiver.get("additionalProperties") is False and sender.get("additionalProperties") is not False:
            yield Change(field, "refuses now what it does not name")
        for name in sorted(old.keys() | new.keys() | must):
            at = f"{field}.{name}".lstrip(".")
            if name in old and name not in new:
                if self.way == "new to old" or receiver.get("additionalProperties") is False:
                    yield Change(at, "is gone" if self.way == "new to old" else "is refused now")
            elif name in must - given:
                yield Change(at, "may be missing now" if self.way == "new to old" else "must be given now")
            if name in old and name in new:
                yield from self.changes(old[name], new[name], at, above)


def resolve_references(schema: Schema, document: Schema) -> Schema:
    """Write into a schema what it refers to, and all of `allOf`."""
    if "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = resolve_references(found, document) | {key: value for key, value in schema.items() if key != "$ref"}
    for part in (resolve_references(part, document) for part in schema.get("allOf", ())):
        schema = part | schema | {
            "properties": part.get("properties", {}) | schema.get("properties", {}),
            "required": [*part.get("required", ()), *schema.get("required", ())],
        }  # fmt: skip
    return schema


def _kinds(schema: Schema, document: Schema) -> dict[str, list[Schema]]:
    """The possible shapes of a value, by JSON type; `anything` when the schema names no type."""
    schema = resolve_references(schema, document)
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
    """Infer the JSON types of a schema that names none, from its words, fields or items."""
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    if "enum" in schema:
        return sorted({names[type(word)] for word in schema["enum"]})
    return ["object"] if "properties" in schema else ["array"] if "items" in schema else ["anything"]


def _unjudged(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in JUDGED | FOLLOWED | SAID and not key.startswith("x-")}


def _shape(schema: Any) -> Schema:
    return schema if isinstance(schema, dict) else {}
