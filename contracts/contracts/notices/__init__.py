"""Notices: the recipients of an event, the facts they are shown, and the words in two languages.

A notice is one table in `<producer>.toml`, beside the module that defines its event; notify delivers it without a line of its own.
The table bears the kind of the notice as its name, and that is the event's name unless `event` says another:

    [review_written]
    label = ["有新评价", "a review"]
    facts = ["region"]

    [review_written.giver]
    to = ["pledger_id"]
    zh-CN = ["收到评价", "有人评价了您的帮助。"]
    en = ["A review", "Somebody reviewed your help."]

The words are Jinja templates over the facts. Each side and each key is described at `SideEntry` and `NoticeEntry`. A table `labels`
holds the words for codes: `labels.reason` names every code that a fact `reason` may have, and templates then read `reason_label`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Meta

from contracts.event import Event, every_event, producer_of, subject_field

Side = Literal["giver", "household", "administrator"]
SIDES: tuple[Side, ...] = get_args(Side)
LANGUAGES = ("zh-CN", "en")
HOUSEHOLD, ITSELF = "household", "itself"
ADMINISTRATORS = ("place", "county", "city")
FORMER_PLACE = "former_place"
VERIFIERS = "verifiers"
FIRST = ("needs", "matching")
"""Producers whose kinds of notices open the published list; those of others follow by name."""

Urgency = Literal["high", "normal", "low"]
Text = Annotated[str, Meta(min_length=1)]
Pair = tuple[Text, Text]
Conditions = dict[str, str | bool]


class SideEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One side of a notice, as the file says it.

    `to` lists the recipients. A field of the event (`pledger_id`) is an account, or a household without one. `household` is the household's
    own account and whoever speaks for it; `itself` is its account, or the household if it has none. `place`, `county` and `city` are the
    administrators of the event's region who manage it most closely, at that level or above; `former_place` are those of the event's
    `former_region`; `verifiers` are those who may verify a need of the region. `without` lists fields with people who get no notice;
    `unless_alone` lists those who get one only where nobody else would. `when` limits the side to events with these values. `urgency`
    differs from that of the entry. Each language has a title and a text.
    """

    to: Annotated[list[str], Meta(min_length=1)]
    facts: list[str] = []
    without: list[str] = []
    unless_alone: list[str] = []
    when: Conditions = {}
    urgency: Urgency | None = None
    zh: Pair = msgspec.field(name="zh-CN")
    en: Pair


class NoticeEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of notice, as the file says it. `label` names it in both languages; `facts`, `when` and `urgency` hold for every side.

    A notice of `high` urgency leaves the app at once, by SMS or e-mail. A `normal` one leaves it when it was not read for a day.
    A `low` one never does.
    """

    event: str | None = None
    label: Pair
    facts: list[str] = []
    when: Conditions = {}
    urgency: Urgency = "normal"
    giver: SideEntry | None = None
    household: SideEntry | None = None
    administrator: SideEntry | None = None


@dataclass(frozen=True)
class NoticeTemplate:
    """One side of one kind of notice: its event, recipients, facts and words."""

    kind: str
    label: Pair
    side: Side
    event: type[Event]
    to: tuple[str, ...]
    facts: tuple[str, ...]
    without: tuple[str, ...]
    unless_alone: tuple[str, ...]
    when: Mapping[str, str | bool]
    urgency: Urgency
    words: Mapping[str, Pair]
    labels: Mapping[str, Mapping[str, Pair]]

    def applies_to(self, event: Event) -> bool:
        """Return True when the event has the values that `when` asks for."""
        return all(getattr(event, name) == value for name, value in self.when.items())


@cache
def templates() -> tuple[NoticeTemplate, ...]:
    """Read all notices of the house. Raises `ValueError` for an entry that is wrong."""
    found = {path.name.removesuffix(".toml"): path for path in files(__name__).iterdir() if path.name.endswith(".toml")}
    return read_all({producer: path.read_text("utf-8") for producer, path in found.items()})


def read_all(texts: Mapping[str, str]) -> tuple[NoticeTemplate, ...]:
    """Read the notices of several producers. Raises `ValueError` for a wrong entry, and for a kind that two producers use."""
    ordered = sorted(texts, key=lambda producer: (FIRST.index(producer) if producer in FIRST else len(FIRST), producer))
    found: list[NoticeTemplate] = []
    owners: dict[str, str] = {}
    for producer in ordered:
        for template in read(texts[producer], producer):
            if owners.setdefault(template.kind, producer) != producer:
                raise ValueError(f"notices/{producer}.toml: {template.kind}: {owners[template.kind]}.toml has a notice of this kind")
            found.append(template)
    return tuple(found)


@cache
def by_event() -> dict[type[Event], list[NoticeTemplate]]:
    """The notices of each event that has any."""
    found: dict[type[Event], list[NoticeTemplate]] = {}
    for template in templates():
        found.setdefault(template.event, []).append(template)
    return found


@cache
def kinds() -> dict[str, Pair]:
    """The labels of all kinds of notices, in both languages."""
    return {template.kind: template.label for template in templates()}


def read(text: str, producer: str) -> list[NoticeTemplate]:
    """Read the notices of one producer's events. Raises `ValueError` that names the file, the kind and the fault."""
    try:
        tables = tomllib.loads(text)
        labels = msgspec.convert(tables.pop("labels", {}), dict[str, dict[str, Pair]])
    except ValueError as error:
        raise ValueError(f"notices/{producer}.toml: {error}") from error
    found = []
    for kind, table in tables.items():
        try:
            found += list(_templates_of(kind, msgspec.convert(table, NoticeEntry), producer, labels))
        except ValueError as error:
            raise ValueError(f"notices/{producer}.toml: {kind}: {error}") from error
    _check_labels(found, labels, producer)
    return found


def _templates_of(kind: str, entry: NoticeEntry, producer: str, labels: dict[str, dict[str, Pair]]) -> Iterator[NoticeTemplate]:
    name = entry.event or kind
    event = every_event().get(name)
    if event is None or producer_of(event) != producer:
        raise ValueError(f"{producer} has no event {name}")
    sides = {side: said for side in SIDES if (said := getattr(entry, side)) is not None}
    if not sides:
        raise ValueError(f"nobody is told: give one of the sides {', '.join(SIDES)}")
    for side, said in sides.items():
        template = NoticeTemplate(
            kind=kind,
            label=entry.label,
            side=side,
            event=event,
            to=tuple(said.to),
            facts=(*entry.facts, *said.facts),
            without=tuple(said.without),
            unless_alone=tuple(said.unless_alone),
            when=entry.when | said.when,
            urgency=said.urgency or entry.urgency,
            words=dict(zip(LANGUAGES, (said.zh, said.en), strict=True)),
            labels=labels,
        )
        _check(template)
        yield template


def _check(template: NoticeTemplate) -> None:
    described, hints = get_type_hints(template.event, include_extras=True), get_type_hints(template.event)
    name = template.event.__name__

    def fields(names: tuple[str, ...], wanted: str) -> None:
        for field in names:
            if field not in hints:
                raise ValueError(f"{template.side}: {name} has no field {field}{wanted}")

    fields(template.facts, " to show")
    fields((*template.without, *template.unless_alone), " to pass over")
    fields(tuple(template.when), " for a condition")
    for field in (*template.without, *template.unless_alone):
        if not _holds_ids(hints[field]):
            raise ValueError(f"{template.side}: {field} of {name} names nobody")
    for field, value in template.when.items():
        try:
            msgspec.convert(value, described[field])
        except ValueError as error:
            raise ValueError(f"{template.side}: {field} is never {value!r}: {error}") from error
    for field in template.facts:
        if _holds_ids(hints[field]) and field not in _things():
            raise ValueError(f"{template.side}: {field} names a person; notices show nobody")
    for recipient in template.to:
        if recipient == HOUSEHOLD:
            fields(("account_id", "poster_id", "region"), f", which the recipient {HOUSEHOLD} needs")
        elif recipient == ITSELF:
            fields(("account_id", "household_id", "region"), f", which the recipient {ITSELF} needs")
        elif recipient == FORMER_PLACE:
            fields(("former_region",), f", which the recipient {recipient} needs")
        elif recipient in {*ADMINISTRATORS, VERIFIERS}:
            fields(("region",), f", which the recipient {recipient} needs")
        elif hints.get(recipient) not in (UUID, UUID | None):
            known = ", ".join((HOUSEHOLD, ITSELF, *ADMINISTRATORS, FORMER_PLACE, VERIFIERS))
            raise ValueError(f"{template.side}: {recipient} is no recipient: give a field of {name} with an account, or one of {known}")


def _check_labels(found: list[NoticeTemplate], labels: dict[str, dict[str, Pair]], producer: str) -> None:
    for fact, names in labels.items():
        kinds_of = {template.event: template.kind for template in found if fact in template.facts}
        codes = {code: kind for event, kind in kinds_of.items() for code in _codes(get_type_hints(event).get(fact))}
        for code in codes.keys() - names.keys():
            raise ValueError(f"notices/{producer}.toml: labels.{fact}: no label for {code}, which {codes[code]} may show")
        for code in names.keys() - codes.keys():
            raise ValueError(f"notices/{producer}.toml: labels.{fact}: no notice shows {code}")


def _codes(hint: Any) -> Iterator[str]:
    """The words of a closed list, which may be optional."""
    if getattr(hint, "__origin__", None) is Literal:
        yield from get_args(hint)
    else:
        for part in get_args(hint):
            yield from _codes(part)


def _holds_ids(hint: Any) -> bool:
    return hint is UUID or UUID in get_args(hint)


@cache
def _things() -> set[str]:
    """The fields with ids of things, not of people: the subjects of all events but those of users, and collection points."""
    return {"place_id"} | {subject_field(event) for event in every_event().values() if producer_of(event) != "users"}
