"""The build of the images of all services and of the pages, or of those named: `python -m deploy.images [needs … pages]`.

`ENGINE=docker` or `podman` builds with those, otherwise buildah builds without a daemon. `BASE` names an image with Python 3.11 to build
on; without it, buildah uses a base made from Debian's packages. `FRESH=1` makes that base anew.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from deploy import pages
from deploy.images.engine import CERTIFICATES, buildah, image_of
from deploy.images.pins import pins
from deploy.services import services

ROOT = Path(__file__).resolve().parents[2]
PAGES = "pages"
SUITE = "bookworm"
PACKAGES = "python3,libstdc++6,ca-certificates,tzdata"
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"]
UV = pins()["uv"]
RECIPE = hashlib.sha256(repr((SUITE, PACKAGES, LEFT_OUT, UV)).encode()).hexdigest()[:12]
BASE, BUILDER = f"localhost/duijie/base:{RECIPE}", f"localhost/duijie/builder:{RECIPE}"


def revision() -> tuple[str, int]:
    """Return the commit and its time in seconds, which dates every file of an image; unknown outside a repository."""
    outcome = subprocess.run(["git", "log", "-1", "--format=%H %ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    commit, _, moment = outcome.stdout.strip().partition(" ")
    return commit or "unknown", int(os.environ.get("SOURCE_DATE_EPOCH") or moment or 0)


def make_base(moment: int) -> None:
    """Make a base image with Debian's Python and no installer, and a second one with uv."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        archive = str(Path(folder, "base.tar"))
        options = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
        command = ["mmdebstrap", "--quiet", "--variant=essential", f"--include={PACKAGES}", *options, SUITE, archive]
        subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": str(moment)}, check=True)
        _commit("scratch", archive, "/", BASE, moment)
    _commit(BASE, str(Path(sys.executable).with_name("uv")), "/usr/local/bin/uv", BUILDER, moment)


def _commit(base: str, source: str, target: str, image: str, moment: int) -> None:
    container = buildah("from", base)
    try:
        buildah("add", "--quiet", container, source, target)
        buildah("commit", "--quiet", "--timestamp", str(moment), container, image)
    finally:
        buildah("rm", container)


def build(service: str, engine: str, base: str | None, tag: str | None = None) -> None:
    """Build a service's image under `tag` or its usual name. Raises `CalledProcessError`."""
    commit, moment = revision()
    folder, file = ROOT / "services" / service, "deploy/Dockerfile"
    if service == PAGES:
        folder, file = ROOT, "deploy/Dockerfile.pages"
        pages.build_into(pages.FOR_IMAGE, is_sandbox=False)
    version = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    given = {"VERSION": version, "REVISION": commit}
    if service == PAGES:
        given |= {"SERVED_BY": image_of("users")}
    else:
        given |= {"SERVICE": service} | ({"BASE": base} if base else {})
    options: list[str] = []
    if engine == "docker":
        given["SOURCE_DATE_EPOCH"] = str(moment)
    elif base == BASE and service != PAGES:
        given["BUILDER"] = BUILDER
    if engine != "docker":
        options += [f"--timestamp={moment}", "--network=host", f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"]
    arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
    words = ["build", "--quiet", f"--file={file}", f"--tag={tag or image_of(service)}", *arguments, *options, str(ROOT)]
    if engine == "buildah":
        buildah(*words)
    else:
        subprocess.run([engine, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    os.chdir(ROOT)
    wanted = sys.argv[1:] or [*services(), PAGES]
    engine, base = os.environ.get("ENGINE") or "buildah", os.environ.get("BASE")
    if engine == "buildah" and not base:
        base = BASE
        missing = not buildah("images", "--quiet", "--filter", f"reference={BUILDER}")
        if missing or os.environ.get("FRESH"):
            print(f"… a base of Debian {SUITE}'s packages, which takes minutes", flush=True)
            make_base(revision()[1])
    for service in wanted:
        started = time.monotonic()
        build(service, engine, base)
        said = {"image": image_of(service), "seconds": round(time.monotonic() - started, 1)}
        if engine == "buildah":
            [image] = json.loads(buildah("images", "--json", image_of(service)))
            said |= {"size": image["size"], "id": image["id"][:12]}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
