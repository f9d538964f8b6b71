"""The guarded modules with their mutants, which of these are tried, and how each one ended."""

import hashlib
import json
import threading
import tomllib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.mutants.operators import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
KEPT = ROOT / ".mutants"
KILLED, SURVIVED, UNCLEAR = "killed", "survived", "unclear"
"""A test failed; every test passed; the tests ended with no verdict, or took too long, which may be the machine's fault."""


@dataclass
class Module:
    """A module with its tests, its mutants, the chosen ones among these and their outcomes."""

    path: str
    tests: list[str]
    services: list[str] = field(default_factory=list)
    with_broker: bool = False
    without: str = ""
    also: list[str] = field(default_factory=list)
    source: str = ""
    mutants: list[Mutant] = field(default_factory=list)
    chosen: list[Mutant] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    trouble: str = ""

    def key(self, mutant: Mutant) -> str:
        """Identify a mutant by the module's source and its own."""
        return digest(self.path, self.source, mutant.source)

    @cached_property
    def tests_digest(self) -> str:
        """Identify the text of the tests as this run began."""
        files = sorted({test.partition("::")[0] for test in (*self.tests, *self.also)})
        return digest(*files, *((ROOT / file).read_text("utf-8") for file in files))

    def choose(self, each: int, seed: int, each_rules: int = 0) -> None:
        """Choose a random sample of `each` mutants, of `each_rules` when the module holds rules alone; 0 chooses all.

        A mutant's place in the sample depends on its changed lines, so a change elsewhere in the module moves few others. A larger sample
        holds the smaller one.
        """
        size = each_rules if self.path.endswith("/rules.py") else each
        if size == 0 or size >= len(self.mutants):
            self.chosen = self.mutants
            return
        drawn = sorted(self.mutants, key=lambda mutant: digest(str(seed), self.path, mutant.old, mutant.new))[:size]
        self.chosen = sorted(drawn, key=lambda mutant: mutant.line)


@dataclass(frozen=True)
class Judged:
    """A survivor that somebody looked at. An equivalent changes nothing that anybody could notice; any other is not worth a test."""

    path: str
    old: str
    new: str
    why: str
    is_equivalent: bool


def digest(*texts: str) -> str:
    """Return a short hash of these texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]


def read_modules() -> list[Module]:
    """Read the table of modules, with their sources."""
    table = tomllib.loads((HERE / "modules.toml").read_text("utf-8"))
    return [Module(path, **given, source=(ROOT / path).read_text("utf-8")) for path, given in table.items()]


def load_modules(only: Sequence[str] = (), each: int = 0, seed: int = 0, each_rules: int = 0) -> list[Module]:
    """Read the table of modules, as far as their paths contain one of `only`, make their mutants and choose among them."""
    wanted = [module for module in read_modules() if not only or any(part in module.path for part in only)]
    for module in wanted:
        module.mutants = make_mutants(module.path, module.source)
        module.choose(each, seed, each_rules)
    return wanted


def make_mutants(path: str, source: str) -> list[Mutant]:
    """Make the mutants of a module, or read those that an earlier run made of the same source: to make them takes a second."""
    operators = (HERE / "operators.py").read_text("utf-8")
    kept = KEPT / "mutants" / f"{digest(operators, path, source)}.json.z"
    if kept.exists():
        return [Mutant(path, *row) for row in json.loads(zlib.decompress(kept.read_bytes()))]
    made = mutants_of(path, source)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(zlib.compress(json.dumps([[one.line, one.old, one.new, one.source] for one in made]).encode()))
    return made


def load_judged() -> list[Judged]:
    """Read the survivors that were judged."""
    read = tomllib.loads((HERE / "judged.toml").read_text("utf-8"))
    return [Judged(**given, is_equivalent=kind == "equivalent") for kind in ("equivalent", "accepted") for given in read.get(kind, [])]


class Journal:
    """The outcomes of all runs, one line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.known: dict[str, dict[str, str]] = {}
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            entry = json.loads(line)
            self.known[entry["key"]] = entry

    def find(self, module: Module, mutant: Mutant, tests: str) -> str | None:
        """Return the outcome of a mutant: that of a survivor while its tests are the same, and no unclear one."""
        entry = self.known.get(module.key(mutant), {"outcome": UNCLEAR})
        is_final = entry["outcome"] == KILLED or (entry["outcome"] == SURVIVED and entry["tests"] == tests)
        return entry["outcome"] if is_final else None

    def add(self, module: Module, mutant: Mutant, tests: str, outcome: str) -> None:
        """Keep an outcome."""
        entry = {"key": module.key(mutant), "path": module.path, "line": str(mutant.line), "tests": tests, "outcome": outcome}
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            self.known[entry["key"]] = entry
            file.write(json.dumps(entry) + "\n")


def recall(modules: Iterable[Module], journal: Journal) -> None:
    """Take over the outcomes of earlier runs."""
    for module in modules:
        tests = module.tests_digest
        module.outcomes = {mutant.source: found for mutant in module.chosen if (found := journal.find(module, mutant, tests))}
