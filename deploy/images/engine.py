"""Builds and runs images without a daemon: buildah and podman, as root, in whatever sandbox that is."""

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
    """What buildah and podman are told: layers are laid over each other where the kernel allows it, else copied."""
    driver = os.environ.get("STORAGE_DRIVER") or ("overlay" if _overlays() else "vfs")
    return {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": driver}


def environment() -> dict[str, str]:
    """This process's environment with `ways`, for one of buildah or podman."""
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
    """Raises `CalledProcessError`; what buildah complains of is on stderr."""
    return subprocess.run(["buildah", *words], env=environment(), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def contained(
    service: str, *words: str, told: Iterable[str] = (), files: Mapping[Path, Path] | None = None, options: Sequence[str] = ()
) -> list[str]:
    """The command that runs words in a service's image, confined as in a cluster.

    `told` names variables of the caller's environment; `files` are mounted to be read, by their place here.
    """
    variables = [f"--env={name}" for name in sorted(told)]
    mounted = [f"--volume={here}:{there}:ro" for here, there in (files or {}).items()]
    return [*PODMAN, "run", "--rm", *CONFINED, *variables, *mounted, *options, image_of(service), *words]
