"""Mutation tests: `make mutants` changes one thing at a time in the guarded modules, and names the changes that no test notices.

`tests/mutants/modules.toml` says which tests guard which module; `judged.toml` says which survivors are equivalents, and why. Outcomes are
kept in `.mutants/`, so that a run goes on where the last one ended: a killed mutant is tried again only when its module changed, a survivor
also when its tests did.
"""

import argparse
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutants.operators import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutants"
HERE = Path(__file__).parent
KILLED, SURVIVED, SLOW = "killed", "survived", "slow"
PLAIN_SECONDS = 30.0
"""The least time that the tests of a mutant may take; otherwise five times what they take without one."""


@dataclass
class Module:
    """A module with its tests, its mutants and their outcomes."""

    path: str
    tests: list[str]
    services: list[str] = field(default_factory=list)
    with_broker: bool = False
    without: str = ""
    also: list[str] = field(default_factory=list)
    source: str = ""
    mutants: list[Mutant] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    trouble: str = ""

    def key(self, mutant: Mutant) -> str:
        """Identify a mutant by the module's source and its own."""
        return digest(self.path, self.source, mutant.source)

    def tests_digest(self) -> str:
        """Identify the present text of the tests."""
        files = sorted({test.partition("::")[0] for test in (*self.tests, *self.also)})
        return digest(*files, *((ROOT / file).read_text("utf-8") for file in files))


@dataclass(frozen=True)
class Equivalent:
    """A survivor that changes nothing that anybody could notice."""

    path: str
    old: str
    new: str
    why: str


def digest(*texts: str) -> str:
    """Return a short hash of these texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]


def load_modules(only: Sequence[str] = ()) -> list[Module]:
    """Read the table of modules, as far as their paths contain one of `only`, and make their mutants."""
    table = tomllib.loads((HERE / "modules.toml").read_text("utf-8"))
    modules = [Module(path, **given) for path, given in table.items()]
    chosen = [module for module in modules if not only or any(part in module.path for part in only)]
    for module in chosen:
        module.source = (ROOT / module.path).read_text("utf-8")
        module.mutants = mutants_of(module.path, module.source)
    return chosen


def load_equivalents() -> set[tuple[str, str, str]]:
    """Read the survivors that were judged to be equivalents."""
    judged = tomllib.loads((HERE / "judged.toml").read_text("utf-8")).get("equivalent", [])
    return {(one.path, one.old, one.new) for one in (Equivalent(**given) for given in judged)}


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
        """Return the outcome of a mutant that need not be tried again."""
        entry = self.known.get(module.key(mutant))
        if entry is None or (entry["outcome"] == SURVIVED and entry["tests"] != tests):
            return None
        return entry["outcome"]

    def add(self, module: Module, mutant: Mutant, tests: str, outcome: str) -> None:
        """Keep an outcome."""
        entry = {"key": module.key(mutant), "path": module.path, "line": str(mutant.line), "tests": tests, "outcome": outcome}
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            self.known[entry["key"]] = entry
            file.write(json.dumps(entry) + "\n")


class Worker:
    """A process that tries mutants in a copy of the tree."""

    def __init__(self, number: int) -> None:
        tree = KEPT / "trees" / str(number)
        copy_tree(tree)
        members = [tree / "contracts", tree / "chassis", *sorted((tree / "services").iterdir()), tree]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, members))}
        self._said = (KEPT / f"worker{number}.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.mutants.worker"],
            cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip

    def attempt(self, module: Module, source: str, seconds: float, on_own_servers: bool = False) -> tuple[str, float]:
        """Run a module's tests on this source, or those that need servers of their own; return the outcome and the seconds."""
        tests = module.also if on_own_servers else [*module.tests, "-k", f"not ({module.without})"] if module.without else module.tests
        asked: dict[str, Any] = {"path": module.path, "source": source, "tests": tests, "seconds": seconds, "services": module.services}
        asked |= {"with_broker": module.with_broker, "on_own_servers": on_own_servers}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker ended: see {self._said.name}")
        found = json.loads(answer)
        return found["outcome"], found["seconds"]

    def close(self) -> None:
        """End the process and its servers."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._said.close()


def copy_tree(tree: Path) -> None:
    """Copy the files that git knows or would add, where they differ."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = {line for line in listed.stdout.splitlines() if (ROOT / line).is_file()}
    for name in wanted:
        old, new = ROOT / name, tree / name
        if not new.exists() or new.read_bytes() != old.read_bytes():
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old, new)
    for path in [path for folder in ("chassis", "contracts", "services", "tests") for path in (tree / folder).rglob("*.py")]:
        if str(path.relative_to(tree)) not in wanted:
            path.unlink()


def recall(modules: Iterable[Module], journal: Journal) -> None:
    """Take over the outcomes of earlier runs."""
    for module in modules:
        tests = module.tests_digest()
        module.outcomes = {mutant.source: found for mutant in module.mutants if (found := journal.find(module, mutant, tests))}


def run(modules: Iterable[Module], journal: Journal, jobs: int, until: float) -> None:
    """Try the mutants that have no outcome yet, until all are tried or the time is over."""
    waiting: queue.Queue[Module] = queue.Queue()
    for module in modules:
        if len(module.outcomes) < len(module.mutants):
            waiting.put(module)

    def work(number: int) -> None:
        worker = Worker(number)
        try:
            while time.monotonic() < until:
                try:
                    module = waiting.get_nowait()
                except queue.Empty:
                    return
                try_mutants(worker, module, journal, until)
        finally:
            worker.close()

    with ThreadPoolExecutor(max(1, jobs)) as threads:
        for one in [threads.submit(work, number) for number in range(min(jobs, waiting.qsize()))]:
            one.result()


def try_mutants(worker: Worker, module: Module, journal: Journal, until: float) -> None:
    """Try the mutants of a module, after its tests have passed without one."""
    tests, began = module.tests_digest(), time.monotonic()
    outcome, seconds = worker.attempt(module, module.source, 600)
    if outcome != SURVIVED:
        module.trouble = f"its tests fail without any change ({outcome})"
        print(f"{module.path}: {module.trouble}", flush=True)
        return
    for mutant in module.mutants:
        if mutant.source in module.outcomes:
            continue
        if time.monotonic() > until:
            break
        allowed = max(PLAIN_SECONDS, 5 * seconds)
        found, _ = worker.attempt(module, mutant.source, allowed)
        if found == SLOW:
            # The machine may have been busy.
            found, _ = worker.attempt(module, mutant.source, 4 * allowed)
        if found == SURVIVED and module.also:
            found, _ = worker.attempt(module, mutant.source, 600, on_own_servers=True)
        module.outcomes[mutant.source] = found
        journal.add(module, mutant, tests, found)
    module.seconds = time.monotonic() - began
    counted = Counter(module.outcomes.values())
    print(f"{module.path}: {dict(counted)}, tests {seconds:.1f} s, all {module.seconds:.0f} s", flush=True)


def report(modules: Iterable[Module]) -> bool:
    """Print the outcomes by module and each survivor that nobody judged; return whether nine tenths were killed and none is left over."""
    judged, survivors, whole = load_equivalents(), [], Counter[str]()
    print(f"{'module':58} {'mutants':>8} {'killed':>7} {'equal':>6} {'survived':>9} {'untried':>8}")
    for module in modules:
        found = Counter[str](mutants=len(module.mutants))
        for mutant in module.mutants:
            outcome = module.outcomes.get(mutant.source, "untried")
            if outcome == SURVIVED and (mutant.path, mutant.old, mutant.new) in judged:
                outcome = "equal"
            elif outcome == SURVIVED:
                survivors.append((module, mutant))
            found[KILLED if outcome == SLOW else outcome] += 1
        whole += found
        print_line(module.path + (f" ({module.trouble})" if module.trouble else ""), found)
    print_line("all", whole)
    for module, mutant in survivors:
        print(f"\n{mutant.path}:{mutant.line}\n{mutant.diff(module.source)}")
    tried = whole[KILLED] + whole[SURVIVED]
    share = whole[KILLED] / tried if tried else 0.0
    print(f"\n{whole[KILLED]} of {tried} that are no equivalents were killed: {share:.1%}; {whole['untried']} are untried")
    return share >= 0.9 and not whole["untried"]


def print_line(name: str, found: Counter[str]) -> None:
    figures = (found["mutants"], found[KILLED], found["equal"], found[SURVIVED], found["untried"])
    print(f"{name:58} {figures[0]:8} {figures[1]:7} {figures[2]:6} {figures[3]:9} {figures[4]:8}")


def main(arguments: list[str] | None = None) -> None:
    """Try the mutants and report them. Exits with 1 when fewer than nine tenths were killed, or some are untried."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.campaign", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="modules whose path contains one of these")
    parser.add_argument("--minutes", type=float, default=90, help="the time after which the run ends; the next one goes on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that try mutants")
    parser.add_argument("--report", action="store_true", help="try nothing, report what earlier runs have found")
    given: Any = parser.parse_args(arguments)
    KEPT.mkdir(exist_ok=True)
    modules, journal = load_modules(given.only), Journal(KEPT / "outcomes.jsonl")
    recall(modules, journal)
    if not given.report:
        run(modules, journal, given.jobs, time.monotonic() + given.minutes * 60)
    sys.exit(0 if report(modules) else 1)


if __name__ == "__main__":
    main()
