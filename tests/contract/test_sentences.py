"""Every sentence that people read, in both languages: problems, words of fields and rows, labels, the catalogue, advice, reasons."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chassis.problems import LANGUAGES, STATE_WORDS, Problem, state_conflict
from chassis.testing.sentences import find_faults, has_chinese, names_of_details
from chassis.wording import Role, word_quantity
from needs.catalogue import catalogue
from needs.catalogue.defaults import forbidden
from needs.catalogue.rules import words_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("chassis/chassis", *(f"services/{name}/{name}" for name in ("users", "needs", "matching", "notify", "insight")))
WORDLESS = {"CSV", "XLSX", "zh_CN", "M 月 d 日 HH:mm"}
"""Labels that are the same in both languages, and what is no sentence: a locale, the form of a moment."""
TELLS_WHAT_TO_DO = re.compile("请|须|先|不必|须等|不能再评价")
_VERBS = (
    "add answer ask change check choose close confirm contact correct drop enter fill give go help leave load make offer open post reload"
    " remove rename request resume save see send set shorten show sign split state try use wait"
)
COMMANDS = re.compile(rf"(?:\A|[.,:] |and |or )(?:{_VERBS.replace(' ', '|')})\b|\b(?:must|can|cannot|needs?|no longer)\b", re.IGNORECASE)


def modules_with_words() -> Iterator[ModuleType]:
    """The modules of the house that hold Chinese text. Workers and commands hold none."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"migrations", "testing"} & {*path.parts} and has_chinese(path.read_text("utf-8")):
                name = ".".join(path.relative_to((ROOT / package).parent).with_suffix("").parts)
                yield importlib.import_module(name.removesuffix(".__init__"))


def list_problems() -> dict[str, type[Problem]]:
    found: dict[str, type[Problem]] = {}
    for module in modules_with_words():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Problem) and value is not Problem:
                found.setdefault(f"{value.code}: {value.words['en']}", value)
    return found


def list_pairs() -> Iterator[tuple[str, str, str]]:
    """The pairs of Chinese and English words in the constants of modules, with the place of each."""
    for module in modules_with_words():
        for name, value in vars(module).items():
            if name.isupper() or name.startswith("_"):
                yield from _pairs_in(value, f"{module.__name__}.{name}")


def _pairs_in(value: Any, place: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict) and {"zh-CN", "en"} == value.keys():
        if all(isinstance(words, str) for words in value.values()):
            yield value["zh-CN"], value["en"], place
        elif all(isinstance(words, dict) for words in value.values()):
            for key in value["zh-CN"].keys() & value["en"].keys():
                yield from _pairs_in({language: value[language][key] for language in value}, f"{place}.{key}")
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _pairs_in(below, f"{place}.{key}")
    elif isinstance(value, tuple) and len(value) == 2 and all(isinstance(words, str) for words in value):
        yield from [(*value, place)] if has_chinese(value[0]) and not has_chinese(value[1]) else []


def list_labels() -> set[tuple[str, str, str]]:
    """The labels of every choice of the API: the code, the Chinese and the English label."""
    found = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for code, words in node.get("x-labels", {}).items():
                found.add((code, words["zh-CN"], words["en"]))
        for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            walk(below)

    walk(json.loads((ROOT / "docs" / "api" / "openapi.json").read_text("utf-8")))
    return found


PROBLEMS = list_problems()
CODES = frozenset({code for code, _, _ in list_labels() if len(code) > 3} | {problem.code for problem in PROBLEMS.values()}) - {
    "csv",
    "xlsx",
}


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=PROBLEMS)
def test_problem_says_in_both_languages_what_to_do(kind: type[Problem]) -> None:
    zh, en = kind.words["zh-CN"], kind.words["en"]
    assert find_faults(zh, "zh-CN", CODES) == []
    assert find_faults(en, "en") == []
    assert names_of_details(zh) == names_of_details(en)
    if not zh.startswith("{"):
        assert TELLS_WHAT_TO_DO.search(zh), zh
        assert COMMANDS.search(en), en
    assert not zh.endswith(("。", "；", "，"))
    assert re.match(r"[A-Z“{]", en), en
    assert en.endswith((".", "}")), en


@pytest.mark.parametrize("state", [*STATE_WORDS, "released"])
def test_conflict_names_the_state_in_words(state: str) -> None:
    problem = state_conflict(state=state)
    said = {language: problem.body(language)["title"] for language in LANGUAGES}
    assert (state in said["zh-CN"], find_faults(said["zh-CN"], "zh-CN", CODES), find_faults(said["en"], "en")) == (False, [], [])
    assert (STATE_WORDS.get(state, ("情况已有变化",))[0] in said["zh-CN"], said["en"].endswith(".")) == (True, True)


def test_words_of_fields_rows_and_labels_keep_the_rules() -> None:
    pairs = list(list_pairs())
    assert len(pairs) > 500
    pairs += [(zh, en, f"x-labels.{code}") for code, zh, en in list_labels()]
    wrong = {
        (place, *faults): (zh, en)
        for zh, en, place in pairs
        if zh not in WORDLESS
        if (faults := [*find_faults(zh, "zh-CN"), *find_faults(en, "en"), *_unlike(zh, en)])
    }
    assert wrong == {}


def _unlike(zh: str, en: str) -> list[str]:
    faults = [] if names_of_details(zh) == names_of_details(en) else ["other details"]
    return faults + ([] if has_chinese(zh) or zh.startswith("{") else ["no Chinese"])


def test_quantities_of_every_item_are_sentences() -> None:
    roles: tuple[Role, ...] = ("plain", "asked", "given")
    for item in catalogue().values():
        if item.unit:
            for quantity in (1, 2, 12_350):
                for role in roles:
                    zh, en = (word_quantity(words_of(item), quantity, item.unit, language, role) for language in LANGUAGES)
                    assert (find_faults(zh, "zh-CN"), find_faults(en, "en")) == ([], []), (zh, en)
                    assert " × " not in en


def test_item_counted_by_pieces_is_a_garment_or_has_a_measure_word() -> None:
    default = {item.category for item in catalogue().values() if item.unit == "piece" and not item.measure}
    of_clothes = {category for category in default if category.startswith("clothing.")}
    assert default - of_clothes == {
        *("medical.gown", "medical.coverall", "disaster.lifejacket"),
        *("education.instrument", "industry.crafts", "industry.embroidery", "industry.bamboo"),
    }


def test_labels_and_other_names_of_items_are_told_apart() -> None:
    labels = [item.zh for item in catalogue().values()]
    english = [item.en for item in catalogue().values()]
    assert (len(labels), len(english)) == (len(set(labels)), len(set(english)))
    for item in catalogue().values():
        assert not {*item.also} & {*labels}, item.category
        assert len(item.also) == len({*item.also}), item.category
        assert item.en[:1].isupper() or item.en[:1].isdigit(), item.en
        assert all(find_faults(name, "zh-CN") in ([], ["no space between Chinese and Latin characters"]) for name in item.also)
    assert {"被子", "铺盖"} <= {*catalogue()["clothing.quilt"].also}


def test_forbidden_words_lead_to_something_else_that_exists() -> None:
    for entry in forbidden():
        assert find_faults(entry.zh, "zh-CN") == find_faults(entry.en, "en") == []
        assert {*entry.instead} <= catalogue().keys()
