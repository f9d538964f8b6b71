"""The mutants that `make mutants` makes, its table of modules, and the journal with which it resumes."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.operators import mutants_of
from tests.mutants.outcomes import HERE, KILLED, ROOT, SURVIVED, UNCLEAR, Journal, Module, load_equivalents, load_modules
from tests.mutants.report import Share, report, share_of, whole_share
from tests.mutants.worker import imports_of

GUARDED = ("chassis/chassis/messaging/*.py", "chassis/chassis/http/*.py", "services/*/*/rules.py", "services/*/*/*/rules.py",
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
    judged = load_equivalents()
    modules = load_modules([one.path for one in judged]) if judged else []
    changes = {module.path: {(mutant.old, mutant.new) for mutant in module.mutants} for module in modules}
    assert [one for one in judged if (one.old, one.new) not in changes.get(one.path, set())] == []
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


def test_report_counts_killed_and_names_survivors(capsys: pytest.CaptureFixture[str]) -> None:
    source = "a = 1 < 2\n"
    module = Module("a.py", [], source=source, mutants=mutants_of("a.py", source))
    module.choose(0, seed=0)
    module.outcomes = {mutant.source: KILLED for mutant in module.mutants}
    assert report([module])
    for outcome in (SURVIVED, UNCLEAR):
        module.outcomes[module.mutants[0].source] = outcome
        assert not report([module])
        assert f"a.py:1 {outcome}\n{module.mutants[0].diff(source)}" in capsys.readouterr().out
    del module.outcomes[module.mutants[0].source]
    assert not report([module])
    assert "1 are untried" in capsys.readouterr().out


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
