"""Rules of the catalogue: the terms of an item in a region, and why a need or a pledge does not keep to them. No rule needs a database."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.http.auth import Caller
from chassis.problems import FieldCode, Problem, invalid
from chassis.wording import UNITS, ItemWords, lower_first, measure_of, word_quantity
from needs.catalogue.defaults import Forbidden, Item, catalogue
from needs.catalogue.labels import KINDS, SETS
from needs.catalogue.problems import forbidden_item, item_needed, item_not_offered, pledge_kind_unfit, too_many
from needs.catalogue.texts import find_forbidden, read_listed
from needs.problems import wrong_unit

REGION_LENGTHS = (0, 2, 4, 6)
"""Lengths of the region codes that may have rules of their own: country, province, city, county."""
OVER_USUAL = 3
"""A household of known size may ask for so many times its usual quantity, but never for more than the cap."""
SIZE_UNKNOWN = ("（家庭人口未登记，只按单项上限计算）", "(its size is not registered, so only this cap holds)")
CHANGEABLE = ("offered", "most", "most_of_institution", "per_person", "per_household", "price", "days", "photo", "reason_length")
"""The fields of an item that a region may change."""
Rules = Mapping[str, Any]
"""The rules of one region, as `CatalogueRules` stores them."""


TextRule = Callable[[tuple[tuple[str, str], ...], tuple[Forbidden, ...]], Problem | None]


@dataclass(frozen=True)
class Terms:
    """The terms of an item in a region. `versions` are those of the item and of the rules around it, by region."""

    item: Item
    offered: bool
    most: int | None
    most_of_institution: int | None
    per_person: int | None
    per_household: int | None
    price: int | None
    days: int
    photo: str
    reason_length: int
    forbidden: tuple[Forbidden, ...] = ()
    versions: Mapping[str, int] | None = None

    def kept(self, size: int | None = None) -> dict[str, Any]:
        """Return what a need keeps of its terms: the versions, the cap, the price and the days until it expires.

        Of a household of known size, it keeps that and the usual quantity, which is shown beside what is asked for and given.
        """
        kept = {"versions": dict(self.versions or {}), "most": self.most, "price": self.price, "days": self.days}
        return kept | ({"size": size, "usual": usual_quantity(self, size)} if size else {})


@dataclass(frozen=True)
class Advice:
    """A warning that keeps nobody from posting: a code, words in both languages, and figures."""

    code: str
    zh: str
    en: str
    figures: Mapping[str, Any]


def choose_terms(item: Item, version: int, region: str, rules: Mapping[str, tuple[int, Rules]]) -> Terms:
    """Return the terms of an item in a region: each field as the nearest region has set it, else the national one.

    `rules` are those of the region and of the regions around it, with their versions.
    """
    around = [one for one in reversed(list_enclosing_regions(region)) if one in rules]
    switched_on: Collection[str] = ()
    changed: dict[str, Any] = {}
    forbidden: list[Forbidden] = []
    for one in around:
        stated = rules[one][1]
        if stated.get("sets") is not None:
            switched_on = stated["sets"]
        for path in (item.category.partition(".")[0], item.category):
            changed |= stated.get("items", {}).get(path, {})
        forbidden += read_listed(stated.get("forbidden", []))
    fields = {name: getattr(item, name) for name in CHANGEABLE if name != "offered"}
    fields |= {"offered": not item.set or item.set in switched_on} | changed
    versions = {"national": version} | {one: rules[one][0] for one in around}
    return Terms(item=item, forbidden=tuple(forbidden), versions=versions, **fields)


def words_of(item: Item) -> ItemWords:
    """Return the words of an item."""
    return ItemWords(item.category, item.unit, item.kind, item.zh, item.en, item.measure, item.noun_zh, item.noun_en)


def usual_quantity(terms: Terms, size: int | None) -> int | None:
    """Return the usual quantity for a household of this size; of an unknown size, that of a whole household or of one person."""
    figures = [terms.per_household, terms.per_person and terms.per_person * (size or 1)]
    return max((figure for figure in figures if figure), default=None)


def find_cap(terms: Terms, size: int | None = None, *, of_institution: bool = False) -> int | None:
    """Return the most that a need may ask for: of a household whose size is known, a multiple of its usual quantity at most."""
    if of_institution:
        return terms.most_of_institution
    usual = usual_quantity(terms, size)
    if size is None or usual is None or terms.most is None:
        return terms.most
    return min(terms.most, usual * OVER_USUAL)


def find_need_problem(
    terms: Terms,
    quantity: int,
    reason: str,
    specification: Mapping[str, Any],
    listed: Iterable[Forbidden],
    *,
    size: int | None = None,
    of_institution: bool = False,
    find_in_texts: TextRule | None = None,
) -> Problem | None:
    """Return why a need may not be posted under these terms, or None: the item, the quantity, the texts, the specification.

    `find_in_texts` is `find_text_problem`, or remembers what it has returned.
    """
    if not terms.offered:
        return item_not_offered(zh=terms.item.zh, en=terms.item.en, members={"category": terms.item.category})
    if problem := (find_in_texts or find_text_problem)((("reason", reason), *_texts(specification)), (*terms.forbidden, *listed)):
        return problem
    if problem := find_quantity_problem(terms, quantity, size=size, of_institution=of_institution):
        return problem
    if len(reason) < terms.reason_length:
        return invalid(errors=[{"pointer": "#/reason", "code": FieldCode("reason_short", least=terms.reason_length)}])
    return find_specification_problem(terms.item, specification)


def find_quantity_problem(terms: Terms, quantity: int, *, size: int | None = None, of_institution: bool = False) -> Problem | None:
    """Return the problem of a quantity beyond the cap, with the cap and the unit; None if it is within."""
    cap = find_cap(terms, size, of_institution=of_institution)
    if cap is None or quantity <= cap:
        return None
    words, unit = words_of(terms.item), terms.item.unit or ""
    amounts: dict[str, Any] = {
        f"amount_{short}": word_quantity(words, cap, unit, language) for short, language in (("zh", "zh-CN"), ("en", "en"))
    }
    amounts |= dict.fromkeys(("whose_zh", "whose_en", "note_zh", "note_en"), "")
    if size is not None and cap != terms.most and not of_institution:
        amounts |= {"whose_zh": f"本户 {size} 人，", "whose_en": f" of a household of {size}"}
    if size is None and terms.per_person and not of_institution:
        amounts |= {"note_zh": SIZE_UNKNOWN[0], "note_en": f" {SIZE_UNKNOWN[1]}"}
    return too_many(members={"cap": cap, "unit": unit, "category": terms.item.category, "size": size}, **amounts)


def find_text_problem(texts: Iterable[tuple[str, str]], listed: Iterable[Forbidden]) -> Problem | None:
    """Return the problem of the first text that asks for something forbidden, with what may be asked for instead; None without one.

    `texts` are pairs of a field's path in the request and what stands in it.
    """
    entries = tuple(listed)
    for path, written in texts:
        if found := find_forbidden(written, entries):
            instead = [catalogue()[one] for one in found.by.instead if one in catalogue()]
            return forbidden_item(
                errors=[{"pointer": f"#/{path}", "code": FieldCode("forbidden")}],
                members={"found": found.word, "instead": [{"category": one.category, "zh": one.zh, "en": one.en} for one in instead]},
                found=found.word,
                guidance_zh=found.by.zh,
                guidance_en=found.by.en,
                instead_zh=f"，可以申请：{'、'.join(one.zh for one in instead)}" if instead else "",
                instead_en=f" You can ask for: {', '.join(lower_first(one.en) for one in instead)}." if instead else "",
            )
    return None


def find_specification_problem(item: Item, specification: Mapping[str, Any]) -> Problem | None:
    """Return the problem of a specification that has a field too many or lacks a required one; None if it fits the item."""
    unknown = [(name, "unknown") for name in specification if name not in item.specification]
    missing = [(name, "required") for name in item.required if name not in specification]
    errors = [{"pointer": f"#/specification/{name}", "code": code} for name, code in unknown + missing]
    return invalid(errors=errors) if errors else None


def list_advice(
    terms: Terms, quantity: int, *, size: int | None = None, of_institution: bool = False, has_photo: bool = False, used: int = 0
) -> list[Advice]:
    """List the warnings about a need that may be posted: more than usual, or without the photo that helps it along.

    `used` is what the household has asked for within the days of the item.
    """
    found = []
    usual = None if of_institution else usual_quantity(terms, size)
    if usual is not None and quantity + used > usual:
        words, unit = words_of(terms.item), terms.item.unit or ""
        zh, en = (word_quantity(words, usual, unit, language) for language in ("zh-CN", "en"))
        found.append(
            Advice(
                "above_usual",
                f"通常每户申请：{zh}，请核对数量",
                f"A household usually asks for {en}. Check the quantity.",
                {"usual": usual, "unit": unit},
            )
        )
    if terms.photo != "none" and not has_photo:
        found.append(Advice("photo_advised", "附上照片更容易得到帮助", "A photo makes help more likely.", {}))
    return found


def find_unit_problem(category: str, units: Collection[str]) -> Problem:
    """Return the problem of a pledge in another unit than its item's, or than those of its group's items."""
    item, ordered = catalogue()[category], sorted(units)
    measures = dict.fromkeys(measure_of(words_of(item), unit) for unit in ordered)
    return wrong_unit(
        members={"units": ordered},
        zh=item.zh,
        en=item.en,
        units_zh="、".join(measures),
        units_en=" or ".join(dict.fromkeys(UNITS[unit][1] for unit in ordered)),
    )


def find_kind_problem(category: str, unit: str, kind: str, fitting: Collection[str]) -> Problem | None:
    """Return the problem of a pledge whose kind does not fit everything that it could go to; None if it fits.

    A group whose items of this unit are of several kinds cannot be pledged: a lesson would be proposed to somebody who needs a job.
    """
    if fitting == {kind}:
        return None
    item = catalogue()[category]
    kinds = [KINDS[one] for one in sorted(fitting)]
    words: dict[str, Any] = {"kinds_zh": "、".join(zh for zh, _ in kinds), "kinds_en": " or ".join(en for _, en in kinds)}
    unfit = item_needed if kind in fitting else pledge_kind_unfit
    return unfit(members={"kinds": sorted(fitting), "unit": unit}, zh=item.zh, en=item.en, **words)


def list_enclosing_regions(region: str) -> list[str]:
    """List the regions whose rules may hold in this one, the narrowest first."""
    return [region[:length] for length in reversed(REGION_LENGTHS) if length <= len(region)]


def may_read(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages or audits the region, a region around it or a part of it."""
    return caller.reads(region) or any(part.startswith(region) for part in (*caller.regions, *caller.audited_regions))


def find_wrong_entries(sets: Collection[str], items: Sequence[Mapping[str, Any]], forbidden: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the pointers of entries that name no catalogue or item, or one that an entry before has set."""
    names = [entry["category"] for entry in items]
    wrong = [f"#/items/{place}" for place, name in enumerate(names) if name not in catalogue() or name in names[:place]]
    wrong += [f"#/sets/{place}" for place, name in enumerate(sets) if name not in SETS]
    return wrong + [
        f"#/forbidden/{place}" for place, entry in enumerate(forbidden) if any(one not in catalogue() for one in entry["instead"])
    ]


def _texts(specification: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"specification/{name}", value) for name, value in specification.items() if isinstance(value, str)]
