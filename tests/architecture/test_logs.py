"""Every key that the code logs is on the allow-list; another one would be withheld when it is needed."""

import ast
from collections.abc import Iterator
from pathlib import Path

from chassis.ops.telemetry import ALLOWED_KEYS

ROOT = Path(__file__).resolve().parents[2]


def keys_logged(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "log":
            for given in call.keywords:
                assert given.arg != "extra" or isinstance(given.value, ast.Dict), f"line {call.lineno}: `extra` is no dict that can be read"
                if isinstance(given.value, ast.Dict):
                    yield from (str(ast.literal_eval(key)) for key in given.value.keys if key is not None)


def test_every_key_that_is_logged_is_on_the_allow_list() -> None:
    found = {}
    for folder in ("chassis/chassis", "services", "deploy"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= dict.fromkeys(keys_logged(ast.parse(path.read_text("utf-8"))), path)
    assert len(found) > 10
    assert {key: path for key, path in found.items() if key not in ALLOWED_KEYS} == {}
