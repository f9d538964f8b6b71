"""The mutants that `make mutants` makes, its table of modules, and the journal with which it resumes."""

import tomllib
from pathlib import Path

import pytest

from tests.mutants.campaign import HERE, KILLED, ROOT, SURVIVED, Equivalent, Journal, Module, load_modules, report
from tests.mutants.operators import mutants_of

LATER = {f"chassis/chassis/http/{name}.py" for name in ("__main__", "connections", "deadlines", "draining", "front", "server")}
"""Modules of the HTTP server: their tests start processes and take too long for a mutant."""
GUARDED = ("chassis/chassis/messaging/*.py", "chassis/chassis/http/*.py", "services/*/*/rules.py", "services/*/*/*/rules.py",
           "services/*/*/actions.py", "services/*/*/*/actions.py", "services/*/*/actions/*.py", "services/*/*/*/actions/*.py")  # fmt: skip


@pytest.mark.parametrize(
    ("source", "news"),
    [
        ("def f(a):\n    if a > 1:\n        raise ValueError\n", ["if a >= 1:", "if a > 2:", "if False:"]),
        ("x = find(row, lock=True)\n", ["x = None", "x = find(None, lock=True)", "x = find(row, )", "x = find(row, lock=False)"]),
        ("STATEMENT = 'SELECT a WHERE b < 1 AND c FOR UPDATE SKIP LOCKED'\n", ["b <= 1", "b < 1 OR c", "AND c'", "STATEMENT = None"]),
        ("def f():\n    'A docstring.'\n    log.warning('said', extra={'a': 1})\n", []),
        ("from a import b\nX: int | None\nManagers = dict[str, int]\n", []),
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
    assert sorted(table) == sorted(guarded - LATER)
    assert [test for module in table.values() for test in module["tests"] if not (ROOT / test.partition("::")[0]).exists()] == []


def test_judged_survivors_still_exist() -> None:
    judged = [Equivalent(**given) for given in tomllib.loads((HERE / "judged.toml").read_text("utf-8")).get("equivalent", [])]
    modules = load_modules([one.path for one in judged]) if judged else []
    changes = {module.path: {(mutant.old, mutant.new) for mutant in module.mutants} for module in modules}
    assert [one for one in judged if (one.old, one.new) not in changes.get(one.path, set())] == []
    assert all(one.why.endswith(".") for one in judged)


def test_outcome_holds_until_module_or_tests_change(tmp_path: Path) -> None:
    source = "a = 1 < 2\n"
    module = Module("a.py", [], source=source, mutants=mutants_of("a.py", source))
    first, second = module.mutants[:2]
    journal = Journal(tmp_path / "outcomes.jsonl")
    journal.add(module, first, "tests", KILLED)
    journal.add(module, second, "tests", SURVIVED)
    known = Journal(tmp_path / "outcomes.jsonl")
    assert [known.find(module, mutant, "tests") for mutant in (first, second)] == [KILLED, SURVIVED]
    assert [known.find(module, mutant, "other tests") for mutant in (first, second)] == [KILLED, None]
    module.source = "a = 1 < 3\n"
    assert known.find(module, first, "tests") is None


def test_report_counts_killed_and_names_survivors(capsys: pytest.CaptureFixture[str]) -> None:
    source = "a = 1 < 2\n"
    module = Module("a.py", [], source=source, mutants=mutants_of("a.py", source))
    module.outcomes = {mutant.source: KILLED for mutant in module.mutants}
    assert report([module])
    module.outcomes[module.mutants[0].source] = SURVIVED
    assert not report([module])
    said = capsys.readouterr().out
    assert f"a.py:1\n{module.mutants[0].diff(source)}" in said
    del module.outcomes[module.mutants[0].source]
    assert not report([module])
    assert "1 are untried" in capsys.readouterr().out
