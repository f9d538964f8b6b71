"""Mutation tests: `make mutants` changes one thing at a time in the guarded modules, and names the changes that no test notices.

`tests/mutants/modules.toml` says which tests guard which module; `judged.toml` says which survivors are equivalents, and why. A run tries
every mutant of each `rules.py`, and a random sample of each other module. Outcomes are kept in `.mutants/`, so that a run goes on where
the last one ended: a killed mutant is tried again only when its module changed, a survivor also when its tests did.
"""

import argparse
import json
import os
import queue
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.mutants.operators import Mutant
from tests.mutants.outcomes import ROOT, SURVIVED, UNCLEAR, Journal, Module, load_modules, recall
from tests.mutants.report import report

KEPT = ROOT / ".mutants"
PLAIN_SECONDS = 30.0
"""The least time that the tests of a mutant may take; otherwise five times what they take without one."""
BATCH = 20
"""Mutants between two runs of the tests on the unchanged module."""


class Worker:
    """A process that tries mutants in a copy of the tree."""

    def __init__(self, number: int) -> None:
        self._failed: dict[str, list[str]] = {}
        tree = KEPT / "trees" / str(number)
        copy_tree(tree)
        members = [tree / "contracts", tree / "chassis", *sorted((tree / "services").iterdir()), tree]
        # Compiled files save each fork most of its time.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, members)), "PYTHONDONTWRITEBYTECODE": ""}
        self._said = (KEPT / f"worker{number}.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.mutants.worker"],
            cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip

    def attempt(self, module: Module, source: str, seconds: float, on_own_servers: bool = False) -> tuple[str, float]:
        """Run a module's tests on this source, or those that need servers of their own; return the outcome and the seconds.

        Tests that failed for other mutants of the module run first, the latest at the head.
        """
        first = self._failed.setdefault(module.path, [])
        found = self._ask("attempt", module, source=source, seconds=seconds, first=first, on_own_servers=on_own_servers)
        if test := found["failed"]:
            self._failed[module.path] = [test, *(one for one in first if one != test)][:20]
        return found["outcome"], found["seconds"]

    def repeat_failed(self, module: Module) -> bool:
        """Run the tests that failed for mutants on the unchanged module; return whether they pass."""
        failed = self._failed.get(module.path)
        asked = {"source": module.source, "seconds": 600, "first": [], "tests": failed}
        return not failed or self._ask("attempt", module, **asked)["outcome"] == SURVIVED

    @contextmanager
    def entered(self, module: Module) -> Iterator[None]:
        """Keep what a module's tests import, except for what depends on the module."""
        if self._ask("enter", module)["outcome"] != "entered":
            raise RuntimeError(f"what the tests of {module.path} import cannot be loaded: see {self._said.name}")
        yield
        self._ask("leave", module)

    def _ask(self, what: str, module: Module, on_own_servers: bool = False, **more: object) -> Any:
        tests = module.also if on_own_servers else [*module.tests, "-k", f"not ({module.without})"] if module.without else module.tests
        asked = {"what": what, "path": module.path, "tests": tests, "services": module.services, "with_broker": module.with_broker}
        asked |= {"on_own_servers": on_own_servers} | more
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the worker ended: see {self._said.name}")
        return json.loads(answer)

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


def run(modules: Iterable[Module], journal: Journal, jobs: int, until: float) -> None:
    """Try the mutants that have no outcome yet, until all are tried or the time is over."""
    waiting: queue.Queue[Module] = queue.Queue()
    for module in modules:
        if len(module.outcomes) < len(module.chosen):
            waiting.put(module)

    def work(number: int) -> None:
        worker = Worker(number)
        try:
            while time.monotonic() < until:
                try:
                    module = waiting.get_nowait()
                except queue.Empty:
                    return
                with worker.entered(module):
                    try_mutants(worker, module, journal, until)
        finally:
            worker.close()

    with ThreadPoolExecutor(max(1, jobs)) as threads:
        for one in [threads.submit(work, number) for number in range(min(jobs, waiting.qsize()))]:
            one.result()


def try_mutants(worker: Worker, module: Module, journal: Journal, until: float) -> None:
    """Try the chosen mutants of a module whose tests pass. Keep the outcomes of a batch when the tests that failed pass without mutant."""
    tests, began = module.tests_digest, time.monotonic()
    outcome, seconds = worker.attempt(module, module.source, 600)
    if outcome != SURVIVED:
        module.trouble = f"its tests fail without any change ({outcome})"
    waiting = [mutant for mutant in module.chosen if mutant.source not in module.outcomes]
    while waiting and not module.trouble and time.monotonic() < until:
        tried: dict[str, str] = {}
        for mutant in waiting[:BATCH]:
            if time.monotonic() > until:
                break
            tried[mutant.source] = try_mutant(worker, module, mutant, seconds)
        if not worker.repeat_failed(module):
            module.trouble = "the tests that fail for its mutants also fail without any change"
            break
        module.outcomes |= tried
        for mutant in waiting[: len(tried)]:
            journal.add(module, mutant, tests, tried[mutant.source])
        waiting = waiting[len(tried) :]
    counted = dict(Counter(module.outcomes.values()))
    print(f"{module.path}: {module.trouble or counted}, tests {seconds:.1f} s, all {time.monotonic() - began:.0f} s", flush=True)


def try_mutant(worker: Worker, module: Module, mutant: Mutant, seconds: float) -> str:
    """Return the outcome of a mutant whose module's tests take these seconds."""
    allowed = max(PLAIN_SECONDS, 5 * seconds)
    found, _ = worker.attempt(module, mutant.source, allowed)
    if found == UNCLEAR:
        # The machine may have been busy.
        found, _ = worker.attempt(module, mutant.source, 4 * allowed)
    if found == SURVIVED and module.also:
        found, _ = worker.attempt(module, mutant.source, 600, on_own_servers=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Try the mutants and report them. Exits with 1 when fewer than nine tenths were killed, or some are untried."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.campaign", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="modules whose path contains one of these")
    parser.add_argument("--each", type=int, default=30, metavar="N", help="mutants of each module besides rules.py; 0 for all")
    parser.add_argument("--seed", type=int, default=0, help="another number draws another sample")
    parser.add_argument("--minutes", type=float, default=90, help="the time after which the run ends; the next one goes on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that try mutants")
    parser.add_argument("--report", action="store_true", help="try nothing, report what earlier runs have found")
    given: Any = parser.parse_args(arguments)
    KEPT.mkdir(exist_ok=True)
    modules, journal = load_modules(given.only, given.each, given.seed), Journal(KEPT / "outcomes.jsonl")
    recall(modules, journal)
    if not given.report:
        run(modules, journal, given.jobs, time.monotonic() + given.minutes * 60)
    sys.exit(0 if report(modules) else 1)


if __name__ == "__main__":
    main()
