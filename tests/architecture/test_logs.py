"""Log lines keep their keys on the allow-list and their loggers' names, which operators filter by."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from chassis.ops.telemetry import ALLOWED_KEYS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("chassis/chassis", "services", "deploy")
LOGGERS = {
    "chassis.audit", "chassis.auth", "chassis.dead_letters.parked", "chassis.deadlines", "chassis.events", "chassis.http", "chassis.inbox",
    "chassis.rates", "chassis.streams",
    "chassis.relay", "chassis.telemetry", "chassis.timers", "chassis.worker", "deploy.local.local_broker", "matching.checks.watch",
    "matching.clear", "notify.codes", "notify.send", "notify.templates", "notify.words", "users.codes", "users.importing",
    "needs.importing", "users.imports", "needs.imports",
}  # fmt: skip
"""Names in log lines. They stay when a module moves; a new logger is added here."""


def keys_logged(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "log":
            for given in call.keywords:
                assert given.arg != "extra" or isinstance(given.value, ast.Dict), f"line {call.lineno}: `extra` is no dict that can be read"
                if isinstance(given.value, ast.Dict):
                    yield from (str(ast.literal_eval(key)) for key in given.value.keys if key is not None)


def test_every_key_that_is_logged_is_on_the_allow_list() -> None:
    found = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            found |= dict.fromkeys(keys_logged(ast.parse(path.read_text("utf-8"))), path)
    assert len(found) > 10
    assert {key: path for key, path in found.items() if key not in ALLOWED_KEYS} == {}


def loggers() -> Iterator[str]:
    roots = [ROOT / "chassis", *sorted(ROOT.glob("services/*")), ROOT]
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for name in re.findall(r"^log = logging\.getLogger\((.*)\)$", path.read_text("utf-8"), re.MULTILINE):
            root = next(root for root in roots if path.is_relative_to(root))
            yield ".".join(path.relative_to(root).with_suffix("").parts) if name == "__name__" else name.strip('"')


def test_loggers_keep_their_names() -> None:
    assert set(loggers()) == LOGGERS
