"""Commands of buildah and podman for root inside a sandbox, without a daemon."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

USER = 10001
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# runc needs no cgroup of its own making; limits of open files and processes that every sandbox grants.
PODMAN = ["podman", "--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime=runc"]
CONFINED = [
    "--network=host", "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges",
    "--ulimit=nofile=8192:8192", "--ulimit=nproc=8192:8192",
]  # fmt: skip


def image_of(service: str) -> str:
    return f"localhost/duijie/{service}"


@cache
def ways() -> dict[str, str]:
    """Return the variables for buildah and podman: overlay layers where the kernel allows them, copies elsewhere."""
    driver = os.environ.get("STORAGE_DRIVER") or ("overlay" if _overlays() else "vfs")
    return {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": driver}


def environment() -> dict[str, str]:
    """Return this process's environment with `ways` added."""
    return dict(os.environ) | ways()


def _overlays() -> bool:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        low, up, work, both = (Path(folder, name) for name in ("low", "up", "work", "both"))
        for one in (low, up, work, both):
            one.mkdir()
        layers = f"lowerdir={low},upperdir={up},workdir={work}"
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, both], capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", both], check=True)
        return True


def buildah(*words: str) -> str:
    """Run buildah. Raises `CalledProcessError`; buildah explains on stderr."""
    return subprocess.run(["buildah", *words], env=environment(), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def contained(
    service: str, *words: str, passed: Iterable[str] = (), files: Mapping[Path, Path] | None = None, options: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs `words` in a service's image with the limits of a cluster.

    `passed` names variables of the caller's environment to pass on; `files` are mounted read-only, by their path here.
    """
    variables = [f"--env={name}" for name in sorted(passed)]
    mounted = [f"--volume={here}:{there}:ro" for here, there in (files or {}).items()]
    return [*PODMAN, "run", "--rm", *CONFINED, *variables, *mounted, *options, image_of(service), *words]
