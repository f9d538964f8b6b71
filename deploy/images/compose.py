"""The compose.yaml of all images, made from the list of services; `python -m deploy.images.compose` makes its keys."""

import json
import os
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from deploy.images.engine import image_of
from deploy.local.environment import ON_ONE_ADDRESS, keys_of, signing_key_of
from deploy.services import services

HERE = Path(__file__).resolve().parent
FILE = HERE.parent / "compose.yaml"
KEYS = HERE.parents[1] / "var" / "compose"


def render_compose() -> str:
    """Render compose.yaml."""
    template = Environment(trim_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        (HERE / "compose.yaml.jinja").read_text("utf-8")
    )
    # Slips lead to the process that serves their page.
    shared = ON_ONE_ADDRESS | {"PUBLIC_URL": f"http://127.0.0.1:{services()['matching'].port}"}
    return template.render(services=list(services().values()), image_of=image_of, shared=shared)


def make_keys(folder: Path) -> None:
    """Make the keys of the processes once. The containers run as another user, so the folder protects them, not the files' modes."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    lines = "".join(f"{name}={value}\n" for name, value in keys_of(folder).items())
    with open(os.open(folder / "keys.env", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(lines)
    signing_key_of(folder).chmod(0o644)


def main() -> None:
    make_keys(KEYS)
    print(json.dumps({"keys": str(KEYS), "next": "docker compose -f deploy/compose.yaml up"}))


if __name__ == "__main__":
    main()
