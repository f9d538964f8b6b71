"""Mutation tests: `make mutants` changes one thing at a time in the guarded modules, and names the changes that no test notices.

`tests/mutants/modules.toml` says which tests guard which module; `judged.toml` says which survivors are equivalents, and why. A run tries
every mutant of each `rules.py`, and a random sample of each other module, on the tests that run the changed statement. Outcomes are kept in
`.mutants/`, so that a run goes on where the last one ended: a killed mutant is tried again only when its module changed, a survivor also
when its tests did.
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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.mutants.operators import Mutant
from tests.mutants.outcomes import KEPT, KILLED, ROOT, SURVIVED, UNCLEAR, Journal, Module, load_modules, read_modules, recall
from tests.mutants.report import report
from tests.mutants.surveys import Reach, Reaches, Surveys

PLAIN_SECONDS = 30.0
"""The least time that the tests of a mutant may take; otherwise five times what they take without one."""
WAITED_SECONDS = 5.0
"""A test that fails after a longer time, and three times what it takes without a mutant, may have waited for a busy machine."""
BATCH = 20
"""Mutants between two runs of a test on the unchanged module."""


class Worker:
    """A process that tries mutants in a copy of the tree."""

    def __init__(self, number: int) -> None:
        self._killers: dict[str, list[str]] = {}
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

    def attempt(self, module: Module, source: str, seconds: float, chosen: list[str]) -> tuple[str, str, float]:
        """Run the chosen tests of a module on this source; return the outcome, the test that failed and its seconds.

        Tests that failed for other mutants of the module run first, the latest at the head.
        """
        first = [*self.killers(module), *chosen]
        found = self._ask("attempt", module, source=source, seconds=seconds, first=first, chosen=chosen)
        return found["outcome"], found["failed"], found["seconds"]

    def attempt_on_own_servers(self, module: Module, source: str) -> str:
        """Run the tests of a module that cannot run on shared servers; return the outcome."""
        asked = {"tests": module.also, "on_own_servers": True, "chosen": None, "first": []}
        if module.without:
            asked["tests"] = [*module.also, "-k", module.without]
        return str(self._ask("attempt", module, source=source, seconds=600, **asked)["outcome"])

    def note_killer(self, module: Module, test: str) -> None:
        """Let a test that failed for a mutant run first for the next ones."""
        self._killers[module.path] = [test, *(one for one in self.killers(module) if one != test)][:20]

    def passes_unchanged(self, module: Module, tests: list[str]) -> bool:
        """Tell whether these tests pass on the unchanged module."""
        return not tests or self.attempt(module, module.source, 600, tests)[0] == SURVIVED

    def killers(self, module: Module) -> list[str]:
        """Return the tests that failed for mutants of the module, the latest at the head."""
        return self._killers.get(module.path, [])

    def survey(self, module: Module, entry: str, guarded: list[str]) -> dict[str, Any]:
        """Run one entry of a module's tests on the unchanged tree, and trace their lines. Raises RuntimeError without a result."""
        without = ["-k", f"not ({module.without})"] if module.without else []
        found: dict[str, Any] = self._ask("survey", module, tests=[entry, *without], guarded=guarded, seconds=1500)
        if found["outcome"] != SURVIVED:
            raise RuntimeError(f"{entry} cannot be run without any change: see {self._said.name}")
        return found

    @contextmanager
    def entered(self, module: Module) -> Iterator[None]:
        """Keep what a module's tests import, except for what depends on the module."""
        if self._ask("enter", module)["outcome"] != "entered":
            raise RuntimeError(f"what the tests of {module.path} import cannot be loaded: see {self._said.name}")
        yield
        self._ask("leave", module)

    def _ask(self, what: str, module: Module, **more: Any) -> Any:
        entries = module.tests
        if (chosen := more.get("chosen")) is not None:
            entries = [entry for entry in entries if any(test.startswith(entry) for test in chosen)]
        tests = [*entries, "-k", f"not ({module.without})"] if module.without else entries
        asked = {"what": what, "path": module.path, "tests": tests, "services": module.services, "with_broker": module.with_broker}
        asked |= {"on_own_servers": False} | more
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
        with suppress(OSError):
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
    # Rules have the quickest tests.
    for module in sorted(modules, key=lambda module: not module.path.endswith("/rules.py")):
        if len(module.outcomes) < len(module.chosen):
            waiting.put(module)
    guarded = read_modules()
    surveys, paths = Surveys(KEPT / "surveys", guarded), [module.path for module in guarded]

    def work(number: int) -> None:
        worker = Worker(number)
        try:
            while time.monotonic() < until:
                try:
                    module = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    reaches = Reaches(passing(worker, module, surveys.reaches(module, partial(worker.survey, guarded=paths))))
                    with worker.entered(module):
                        try_mutants(worker, module, reaches, journal, until)
                except (RuntimeError, OSError) as error:
                    module.trouble = str(error)
                    print(f"{module.path}: {error}", flush=True)
                    worker.close()
                    worker = Worker(number)
        finally:
            worker.close()

    with ThreadPoolExecutor(max(1, jobs)) as threads:
        for one in [threads.submit(work, number) for number in range(min(jobs, waiting.qsize()))]:
            one.result()


class FailingTests(Exception):
    """Tests of a module fail without any change."""


def passing(worker: Worker, module: Module, reaches: Iterable[Reach]) -> Iterator[Reach]:
    """Check that the tests of each entry pass, those that failed while they were traced once more. Raises `FailingTests`."""
    for reach in reaches:
        if not worker.passes_unchanged(module, reach.failed):
            raise FailingTests(f"its tests fail without any change: {', '.join(reach.failed)}")
        yield reach


def try_mutants(worker: Worker, module: Module, reaches: Iterable[Reach], journal: Journal, until: float) -> None:
    """Try the chosen mutants of a module whose tests pass. Keep the outcomes of a batch when its last killer passes without mutant."""
    tests, began = module.tests_digest, time.monotonic()
    waiting = [mutant for mutant in module.chosen if mutant.source not in module.outcomes]
    while waiting and not module.trouble and time.monotonic() < until:
        tried: dict[str, str] = {}
        try:
            for mutant in waiting[:BATCH]:
                if time.monotonic() > until:
                    break
                tried[mutant.source] = try_mutant(worker, module, mutant, reaches)
        except FailingTests as error:
            module.trouble = str(error)
        if not worker.passes_unchanged(module, worker.killers(module)[:1]):
            module.trouble = "a test that fails for its mutants also fails without any change"
            break
        module.outcomes |= tried
        for mutant in waiting[: len(tried)]:
            journal.add(module, mutant, tests, tried[mutant.source])
        waiting = waiting[len(tried) :]
    counted = dict(Counter(module.outcomes.values()))
    print(f"{module.path}: {module.trouble or counted}, {time.monotonic() - began:.0f} s", flush=True)


def try_mutant(worker: Worker, module: Module, mutant: Mutant, reaches: Iterable[Reach]) -> str:
    """Return the outcome of a mutant on the tests that run its statement; on all, when none is known to run it in a process."""
    found = kill_by_entries(worker, module, mutant, reaches, lambda reach: reach.find_tests(module, mutant.line))
    if not found and not module.with_broker:
        return SURVIVED
    # Not every thread of a process can be traced.
    found = found or kill_by_entries(worker, module, mutant, reaches, lambda reach: list(reach.seconds))
    if not found - {SURVIVED} and module.also:
        return worker.attempt_on_own_servers(module, mutant.source)
    return KILLED if KILLED in found else UNCLEAR if UNCLEAR in found else SURVIVED


def kill_by_entries(
    worker: Worker, module: Module, mutant: Mutant, reaches: Iterable[Reach], choose: Callable[[Reach], list[str]]
) -> set[str]:
    """Run the chosen tests of one entry after the other until one kills the mutant; return what was found, nothing without tests."""
    outcomes = set[str]()
    for reach in reaches:
        if not (chosen := choose(reach)):
            continue
        allowed = max(PLAIN_SECONDS, 5 * sum(reach.seconds[test] for test in chosen))
        found = kill(worker, module, mutant, reach, chosen, allowed)
        if found == UNCLEAR:
            # The machine may have been busy.
            found = kill(worker, module, mutant, reach, chosen, 4 * allowed)
        outcomes.add(found)
        if found == KILLED:
            break
    return outcomes


def kill(worker: Worker, module: Module, mutant: Mutant, reach: Reach, chosen: list[str], seconds: float) -> str:
    """Run tests on a mutant once; return its outcome.

    On a busy machine a test may fail by itself. So one that waited long, or that waits for processes and kills for the first time, has to
    pass without the mutant at once.
    """
    found, test, took = worker.attempt(module, mutant.source, seconds, chosen)
    if found != KILLED or not test:
        return found
    waited = took > max(WAITED_SECONDS, 3 * reach.seconds.get(test, 0))
    is_new = module.with_broker and test not in worker.killers(module)
    if (waited or is_new) and not worker.passes_unchanged(module, [test]):
        return UNCLEAR
    worker.note_killer(module, test)
    return KILLED


def main(arguments: list[str] | None = None) -> None:
    """Try the mutants and report them. Exits with 1 when fewer than nine tenths were killed, or some are untried."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.campaign", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="modules whose path contains one of these")
    parser.add_argument("--each", type=int, default=30, metavar="N", help="mutants of each module besides rules.py; 0 for all")
    parser.add_argument("--each-rules", type=int, default=0, metavar="N", help="mutants of each rules.py; 0, which is the default, for all")
    parser.add_argument("--seed", type=int, default=0, help="another number draws another sample")
    parser.add_argument("--minutes", type=float, default=90, help="the time after which the run ends; the next one goes on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that try mutants")
    parser.add_argument("--report", action="store_true", help="try nothing, report what earlier runs have found")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the report there as Markdown, too")
    given: Any = parser.parse_args(arguments)
    KEPT.mkdir(exist_ok=True)
    modules, journal = load_modules(given.only, given.each, given.seed, given.each_rules), Journal(KEPT / "outcomes.jsonl")
    recall(modules, journal)
    if not given.report:
        run(modules, journal, given.jobs, time.monotonic() + given.minutes * 60)
    sys.exit(0 if report(modules, given.table) else 1)


if __name__ == "__main__":
    main()
