"""The check of import directions, services to chassis to contracts, for all listed services: `python -m deploy.floors`."""

import contextlib
import io
import sys
import tempfile
from importlib.resources import files

from importlinter.cli import lint_imports
from jinja2 import Environment

from deploy.services import services


def rules() -> str:
    """Render import-linter's configuration for the listed services."""
    template = Environment(trim_blocks=True).from_string(files("deploy").joinpath("floors.ini").read_text("utf-8"))
    return template.render(services=list(services().values()))


def main() -> None:
    said = io.StringIO()
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file, contextlib.redirect_stdout(said):
        file.write(rules())
        file.flush()
        status = lint_imports(file.name, no_cache=True, no_logo=True)
    if status:
        sys.exit(said.getvalue())


if __name__ == "__main__":
    main()
