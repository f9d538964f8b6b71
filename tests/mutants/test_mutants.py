"""The mutants that `make mutants` makes, its table of modules, and the journal with which it resumes."""

import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.campaign import Worker, passing, try_mutant, try_mutants
from tests.mutants.operators import mutants_of
from tests.mutants.outcomes import HERE, KILLED, ROOT, SURVIVED, UNCLEAR, Journal, Judged, Module, load_judged
from tests.mutants.report import Row, Share, count_outcomes, report, share_of, sum_parts, whole_share
from tests.mutants.surveys import Reach, Reaches, Surveys, statement_of
from tests.mutants.worker import imports_of

GUARDED = ("chassis/chassis/messaging/*.py", "chassis/chassis/http/*.py", "chassis/chassis/http/streams/*.py",
           "services/*/*/rules.py", "services/*/*/*/rules.py",
           "services/*/*/actions.py", "services/*/*/*/actions.py", "services/*/*/actions/*.py", "services/*/*/*/actions/*.py")  # fmt: skip


@pytest.mark.parametrize(
    ("source", "news"),
    [
        ("def f(a):\n    if a > 1:\n        raise ValueError\n", ["if a >= 1:", "if a > 2:", "if False:"]),
        ("x = find(row, lock=True)\n", ["x = None", "x = find(None, lock=True)", "x = find(row, )", "x = find(row, lock=False)"]),
        ("STATEMENT = 'SELECT a WHERE b < 1 AND c FOR UPDATE SKIP LOCKED'\n", ["b <= 1", "b < 1 OR c", "AND c'", "STATEMENT = None"]),
        ("def f():\n    'A docstring.'\n    log.warning('said', extra={'a': 1})\n", []),
        ("from a import b\nX: int | None\nManagers = dict[str, int]\nx = Text(metadata={'a': 'b'})\n", ["x = None"]),
        ("x = cast('type[int]', f(1))\n", ["x = None", "f(None)", "f(2)"]),
        ("@overload\ndef f(a: int, b: int = 1) -> int: ...\n", []),
    ],
)
def test_each_guard_is_changed_in_every_way(source: str, news: list[str]) -> None:
    found = [mutant.new for mutant in mutants_of("a.py", source)]
    assert all(any(new in one for one in found) for new in news), found
    assert len(found) == len(news)
    assert all(mutant.source != source for mutant in mutants_of("a.py", source))


def test_table_names_every_guarded_module_and_its_tests() -> None:
    table = tomllib.loads((HERE / "modules.toml").read_text("utf-8"))
    guarded = {str(path.relative_to(ROOT)) for pattern in GUARDED for path in ROOT.glob(pattern) if path.name != "__init__.py"}
    assert sorted(guarded - table.keys()) == []
    assert [path for path in table if not (ROOT / path).exists()] == []
    assert [test for module in table.values() for test in module["tests"] if not (ROOT / test.partition("::")[0]).exists()] == []


def test_judged_survivors_still_exist() -> None:
    judged = load_judged()
    lines = {
        path: " ".join(line.strip() for line in (ROOT / path).read_text("utf-8").splitlines()) for path in {one.path for one in judged}
    }
    assert [one for one in judged if one.old not in lines[one.path]] == []
    assert all(one.why.endswith(".") for one in judged)


def test_outcome_holds_until_module_or_tests_change(tmp_path: Path) -> None:
    source = "a = 1 < 2\n"
    module = Module("a.py", [], source=source, mutants=mutants_of("a.py", source))
    first, second, third = module.mutants[:3]
    journal = Journal(tmp_path / "outcomes.jsonl")
    journal.add(module, first, "tests", KILLED)
    journal.add(module, second, "tests", SURVIVED)
    journal.add(module, third, "tests", UNCLEAR)
    known = Journal(tmp_path / "outcomes.jsonl")
    assert [known.find(module, mutant, "tests") for mutant in (first, second, third)] == [KILLED, SURVIVED, None]
    assert [known.find(module, mutant, "other tests") for mutant in (first, second)] == [KILLED, None]
    module.source = "a = 1 < 3\n"
    assert known.find(module, first, "tests") is None


def test_imports_of_a_module_name_its_packages_too(tmp_path: Path) -> None:
    path = tmp_path / "rules.py"
    path.write_text("import a.b\nfrom ..c import d\ndef f():\n    from . import e\n")
    assert imports_of("x.y.rules", path) == {"a", "a.b", "x", "x.c", "x.c.d", "x.y", "x.y.e"}


def test_sample_is_fixed_and_changes_little_with_module() -> None:
    source = "\n".join(f"a{number} = {number} < {number + 1}" for number in range(40))
    module = Module("a.py", [], source=source, mutants=mutants_of("a.py", source))
    module.choose(30, seed=0)
    drawn = {(mutant.old, mutant.new) for mutant in module.chosen}
    changed = Module("a.py", [], mutants=mutants_of("a.py", "b = 1\n" + source))
    changed.choose(30, seed=0)
    assert len(module.chosen) == len(drawn) == 30
    assert len(drawn - {(mutant.old, mutant.new) for mutant in changed.chosen}) <= 2
    changed.choose(30, seed=1)
    assert len(drawn - {(mutant.old, mutant.new) for mutant in changed.chosen}) > 15
    rules = Module("services/a/a/rules.py", [], mutants=module.mutants)
    rules.choose(30, seed=0)
    assert rules.chosen == rules.mutants
    rules.choose(0, seed=0, each_rules=10)
    smaller = {mutant.source for mutant in rules.chosen}
    rules.choose(0, seed=0, each_rules=20)
    assert len(smaller) == 10
    assert smaller < {mutant.source for mutant in rules.chosen}


def test_report_counts_killed_and_names_survivors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = "a = 1 < 2\n"
    module = Module("a.py", [], source=source, mutants=mutants_of("a.py", source))
    module.choose(0, seed=0)
    module.outcomes = {mutant.source: KILLED for mutant in module.mutants}
    assert report([module])
    for outcome in (SURVIVED, UNCLEAR):
        module.outcomes[module.mutants[0].source] = outcome
        assert not report([module])
        assert f"a.py:1 {outcome} \n{module.mutants[0].diff(source)}" in capsys.readouterr().out
    del module.outcomes[module.mutants[0].source]
    assert not report([module], tmp_path / "mutants.md")
    assert "1 are untried" in capsys.readouterr().out
    assert f"| a.py (1) | {len(module.mutants)} | {len(module.mutants) - 1} |" in (tmp_path / "mutants.md").read_text("utf-8")


def test_table_sums_modules_by_part() -> None:
    names = [
        "services/needs/needs/rules.py", "services/needs/needs/life/rules.py", "services/needs/needs/life/actions.py",
        "services/users/users/proofs/actions/phones.py", "services/users/users/finding/queries.py", "chassis/chassis/http/app.py",
    ]  # fmt: skip
    rows = [Row(name, Counter(mutants=100, tried=10, killed=9, survived=1), Share(0.9, 100, 10)) for name in names]
    parts = sum_parts(rows)
    assert [row.name for row in parts] == [
        "chassis: http (1)", "needs: actions (1)", "needs: rules (2)", "users: actions (1)", "users: others (1)",
    ]  # fmt: skip
    assert (parts[2].found["mutants"], parts[2].found[KILLED]) == (200, 18)
    assert parts[2].share == Share(0.9, 200, pytest.approx(20))


def test_accepted_survivors_count_and_equivalents_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module("a.py", [], source="a = 1 < 2\n", mutants=mutants_of("a.py", "a = 1 < 2\n"))
    module.choose(0, seed=0)
    module.outcomes = {mutant.source: SURVIVED for mutant in module.mutants}
    first, second = module.mutants[:2]
    judged = [Judged("a.py", first.old, first.new, "Same.", True), Judged("a.py", second.old, second.new, "Dear.", False)]
    monkeypatch.setattr("tests.mutants.report.load_judged", lambda: judged)
    [row, _], left = count_outcomes([module])
    assert (row.found["equal"], row.found[SURVIVED]) == (1, len(module.mutants) - 1)
    assert [one.why for one in left] == ["Dear.", *[""] * (len(module.mutants) - 2)]
    assert row.share is not None
    assert row.share.share == 0


def test_share_has_wilsons_interval_unless_all_were_tried() -> None:
    sampled = share_of(Counter(mutants=300, tried=30, equal=2, killed=27, survived=1))
    assert sampled is not None
    assert sampled.share == 27 / 28
    assert [round(bound, 2) for bound in sampled.interval()] == [0.83, 0.99]
    whole = share_of(Counter(mutants=30, tried=30, killed=27, survived=3))
    assert whole is not None
    assert [round(bound, 3) for bound in whole.interval()] == [0.9, 0.9]
    assert share_of(Counter(mutants=30)) is None
    assert whole_share([Share(1.0, 300, 50), Share(0.5, 100, 50)]) == Share(0.875, 400, pytest.approx(80))


FUNCTIONS = """LIMIT = [
    1,
]

@decorated
def first(a=1):
    if (
        a > 1
    ):
        return [
            a,
        ]
    else:
        a = 2
    try:
        a += 1
    except ValueError:
        a = 3
    return a

class Second:
    size = 2

    def third(self): return 3
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [(2, None), (5, None), (6, None), (8, [7, 8, 9]), (11, [10, 11, 12]), (14, [14]), (16, [16]), (18, [18]), (22, None), (24, [24])],
)
def test_statement_of_a_line_ends_where_its_body_begins(line: int, lines: list[int] | None) -> None:
    found = statement_of(FUNCTIONS, line)
    assert (found and [*found]) == lines


def test_a_mutant_gets_the_tests_that_run_its_statement() -> None:
    module = Module("a.py", [], source=FUNCTIONS)
    seconds = {"x::slow": 3.0, "y::quick": 1.0, "x::quick": 2.0, "y::else": 0.5}
    lines = {"x::slow": {7, 10}, "y::quick": {7, 10}, "x::quick": {7, 12}, "y::else": {7, 14}}
    reach = Reach(seconds, lines)
    assert reach.find_tests(module, 11) == ["y::quick", "x::quick", "x::slow"]
    assert reach.find_tests(module, 18) == []
    reach.seconds["z::constant"] = 0.1
    assert reach.find_tests(module, 1) == ["y::else", "y::quick", "x::quick", "x::slow", "z::constant"]


def test_survey_holds_until_tests_or_module_change(tmp_path: Path) -> None:
    entry = "tests/mutants/test_mutants.py"
    module, made = Module("a.py", [entry], source=FUNCTIONS), []

    def survey(module: Module, entry: str) -> dict[str, Any]:
        made.append(entry)
        return {"tests": {f"{entry}::one": [1.0, True], f"{entry}::two": [2.0, False]}, "lines": {"a.py": {f"{entry}::one": [7]}}}

    for _ in range(2):
        (reach,) = Surveys(tmp_path, [module]).reaches(module, survey)
        assert reach.failed == [f"{entry}::two"]
        assert reach.lines == {f"{entry}::one": {7}}
    assert made == [entry]
    module.source += "\n"
    assert len(list(Surveys(tmp_path, [module]).reaches(module, survey))) == 1
    assert made == [entry, entry]


def test_an_entry_is_surveyed_once_those_before_killed_nothing() -> None:
    module = Module("a.py", ["x", "y"], source=FUNCTIONS, with_broker=True, mutants=mutants_of("a.py", FUNCTIONS))
    mutant = next(one for one in module.mutants if one.line == 14)
    made = []

    def reaches() -> Iterator[Reach]:
        for entry in module.tests:
            made.append(entry)
            yield Reach({f"{entry}::quick": 1.0}, {f"{entry}::quick": {14}})

    lazy = Reaches(reaches())
    for on_mutant, outcome, surveyed in (
        ([KILLED], KILLED, "x"), ([SURVIVED, KILLED], KILLED, "xy"), ([UNCLEAR, UNCLEAR, SURVIVED], UNCLEAR, "xy"),
        ([SURVIVED] * 2, SURVIVED, "xy"),
    ):  # fmt: skip
        worker = Scripted([(one, "y::quick", 0.1) for one in on_mutant], SURVIVED)
        assert try_mutant(worker, module, mutant, lazy) == outcome
        assert "".join(made) == surveyed


def test_tests_that_fail_without_a_mutant_stop_their_module(tmp_path: Path) -> None:
    entry = "tests/mutants/test_mutants.py"
    module = Module("a.py", [entry], source=FUNCTIONS, mutants=mutants_of("a.py", FUNCTIONS))
    module.choose(0, seed=0)
    worker, failing = Scripted([], KILLED), Reach({"x::quick": 1.0}, {"x::quick": {14}}, failed=["x::quick"])
    try_mutants(worker, module, Reaches(passing(worker, module, [failing])), Journal(tmp_path / "outcomes.jsonl"), time.monotonic() + 60)
    assert module.trouble == "its tests fail without any change: x::quick"
    assert module.outcomes == {}


def test_tracer_writes_the_lines_of_forks_too(tmp_path: Path) -> None:
    target = tmp_path / "target.py"
    target.write_text(
        "import os\ndef f():\n    return 1\ndef g():\n    return 2\nf()\nif not os.fork():\n    g()\n    os._exit(0)\nos.wait()\n"
    )
    tracing = tmp_path / "tree/tests/mutants/tracing"
    tracing.mkdir(parents=True)
    shutil.copy(HERE / "tracing/sitecustomize.py", tracing)
    (tmp_path / "tree.targets").write_text(f"{target}\n")
    (tmp_path / "tree.running").write_text("a::test")
    subprocess.run([sys.executable, str(target)], env={"PYTHONPATH": str(tracing)}, check=True, timeout=60)
    reached = [line.split("\t") for line in (tmp_path / "tree.reached").read_text().splitlines()]
    assert {(test, path) for test, path, _ in reached} == {("a::test", str(target))}
    assert {3, 5} <= {int(number) for _, _, number in reached}


class Scripted(Worker):
    """A worker whose tests end as the script says, on a mutant and on the unchanged module."""

    def __init__(self, on_mutant: list[tuple[str, str, float]], on_module: str) -> None:
        self._killers = {}
        self._on_mutant, self._on_module = on_mutant, on_module

    def attempt(self, module: Module, source: str, seconds: float, chosen: list[str]) -> tuple[str, str, float]:
        return self._on_mutant.pop(0) if source != module.source else (self._on_module, "", 0.0)


@pytest.mark.parametrize(
    ("on_mutant", "on_module", "outcome"),
    [
        ([(KILLED, "x::quick", 0.1)], KILLED, KILLED),
        ([(KILLED, "x::quick", 30.0)], SURVIVED, KILLED),
        ([(KILLED, "x::quick", 30.0)] * 2, KILLED, UNCLEAR),
        ([(UNCLEAR, "", 0.0), (KILLED, "x::quick", 0.1)], KILLED, KILLED),
        ([(UNCLEAR, "", 0.0)] * 2, SURVIVED, UNCLEAR),
        ([(SURVIVED, "", 0.0)], SURVIVED, SURVIVED),
    ],
)
def test_a_test_that_waited_kills_only_if_it_passes_unchanged(on_mutant: list[Any], on_module: str, outcome: str) -> None:
    module = Module("a.py", ["x"], source=FUNCTIONS, mutants=mutants_of("a.py", FUNCTIONS))
    mutant = next(one for one in module.mutants if one.line == 14)
    reach = Reach({"x::quick": 1.0}, {"x::quick": {14}})
    assert try_mutant(Scripted(list(on_mutant), on_module), module, mutant, [reach]) == outcome


def test_a_statement_that_no_test_runs_survives_at_once() -> None:
    module = Module("a.py", ["x"], source=FUNCTIONS, mutants=mutants_of("a.py", FUNCTIONS))
    mutant = next(one for one in module.mutants if one.line == 14)
    assert try_mutant(Scripted([], KILLED), module, mutant, [Reach()]) == SURVIVED
