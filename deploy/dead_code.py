"""The search for dead code in services, deploy and bench: `python -m deploy.dead_code`."""

import ast
import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parents[1]
SEARCHED = ("services", "deploy", "bench")
USERS = (*SEARCHED, "contracts", "chassis", "tests", "examples")
"""Folders with code that may use what is searched."""
ENTRY_POINTS = ["@api.*", "@handles*", "@every*", "@validates*", "@event.*", "@broker.*", "@app.*"]
"""Decorators of functions that a library calls."""
HOOKS = ["do_*", "get_col_spec", "handle_DATA", "log_message", "job_modules", "down_revision", "create_by_*", "describe"]
"""Names that a library or a template looks up."""


def find_dead_code(root: Path) -> list[str]:
    """List functions, classes and variables that nothing in the tree names. Tests are not searched, but count as users."""
    vulture, declared = Vulture(ignore_names=HOOKS, ignore_decorators=ENTRY_POINTS), set(declared_names(root))
    with contextlib.redirect_stdout(io.StringIO()):
        vulture.scavenge([root / folder for folder in USERS if (root / folder).is_dir()], exclude=["*/node_modules/*"])
    found = [item for item in vulture.get_unused_code() if item.typ not in {"import", "attribute"} and item.name not in declared]
    parts = {item: Path(item.filename).relative_to(root).parts for item in found}
    return [item.get_report() for item in found if parts[item][0] in SEARCHED and "tests" not in parts[item]]


def declared_names(root: Path) -> Iterator[str]:
    """Yield the names declared in bodies of classes: columns, fields of schemas and structs, which SQL and JSON use."""
    for path in (path for folder in SEARCHED for path in (root / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            for line in node.body if isinstance(node, ast.ClassDef) else ():
                targets = line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def main() -> None:
    if found := find_dead_code(ROOT):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
