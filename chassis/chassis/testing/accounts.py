"""The system user that runs PostgreSQL for root, who may not run it."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from chassis.testing.folders import make_folder, take_lock

ACCOUNT = "duijie"
HOUSE = Path("/var/lib/duijie")
SETUP_SECONDS = 60.0
ADDED, NAMES_LOCKED = {0, 9}, {1, 10}
"""Exit codes of useradd: added or there already; another program holds the list of users or of groups."""


def own_account(name: str = ACCOUNT) -> pwd.struct_passwd | None:
    """Return the system user that runs PostgreSQL when we are root, made if missing; None when we are not root."""
    if os.geteuid() != 0:
        return None
    # useradd checks the name before it locks the list of users: the second of two would replace the first one's entry by another number.
    with take_lock(make_folder(HOUSE / "account"), SETUP_SECONDS):
        return find_account(name) or add_account(name)


def find_account(name: str) -> pwd.struct_passwd | None:
    """Look up a system user."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def add_account(name: str) -> pwd.struct_passwd:
    """Add a system user and wait until it can be looked up. Raises RuntimeError when it cannot be added."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if not useradd:
        raise RuntimeError(f"PostgreSQL does not run as root: add a system user named {name}")
    deadline = time.monotonic() + SETUP_SECONDS
    while not (account := find_account(name)):
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        added = subprocess.run(command, capture_output=True, text=True, check=False)
        if added.returncode not in ADDED | NAMES_LOCKED or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL does not run as root, and its system user {name} could not be added: {added.stderr}")
        time.sleep(0.05)
    return account
