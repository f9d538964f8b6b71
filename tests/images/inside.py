"""A probe that runs inside an image and prints its findings as JSON. Arguments: the service, then the others."""

import importlib
import json
import os
import pkgutil
import shutil
import stat
import sys
from importlib.util import find_spec

TOOLS = ["pip", "pip3", "uv", "gcc", "cc", "make", "apt", "apt-get", "curl", "wget", "git"]
DEVELOPERS = ["pip", "ensurepip", "pytest", "mypy", "hatchling", "uv", "deploy", "chassis.testing"]
PLACES = ["/", "/etc", "/opt/duijie", "/var/tmp", "/tmp"]


def is_writable(folder: str) -> bool:
    try:
        with open(os.path.join(folder, "written"), "w"):
            return True
    except OSError:
        return False


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def raised() -> list[str]:
    """Return files with setuid or setgid."""
    return [
        path
        for folder, _, names in os.walk("/")
        if not folder.startswith(("/proc", "/sys"))
        for path in (os.path.join(folder, name) for name in names)
        if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID) and os.path.isfile(path)
    ]


own, *others = sys.argv[1:]
imported = [
    module.name for module in pkgutil.walk_packages(importlib.import_module(own).__path__, f"{own}.") if "migrations" not in module.name
]
for name in imported:
    importlib.import_module(name)
found = {
    "imported": imported,
    "others": [name for name in others if is_there(name)],
    "uid": os.getuid(),
    "gid": os.getgid(),
    "writable": [place for place in PLACES if is_writable(place)],
    "tools": [tool for tool in TOOLS if shutil.which(tool, path="/opt/duijie/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")],
    "developers": [name for name in DEVELOPERS if is_there(name)],
    "raised": raised(),
}
print(json.dumps(found))
