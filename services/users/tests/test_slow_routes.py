"""Routes that hash passwords take processor time, and say so."""

import re
from pathlib import Path

from apiflask import APIFlask

import users
from users.api import api

HASHING = {
    "sign_in": "sessions/actions.py",
    "register_account": "accounts/actions.py",
    "request_registration": "proofs/actions/registrations.py",
    "reset_password": "proofs/actions/new_passwords.py",
    "change_password": "proofs/actions/new_passwords.py",
}
"""Operations that hash or compare a password, and the module where they do."""
READING_TABLES = {"import_regions"}
"""Operations that read a whole table before they answer."""
OF_COMMANDS = {"appoint_first.py", "imports/actions.py", "accounts/passwords.py"}


def test_routes_that_hash_passwords_are_slow() -> None:
    app = APIFlask("users")
    app.register_blueprint(api)
    slow = {name.rpartition(".")[2] for name, view in app.view_functions.items() if getattr(view, "slow", False)}
    assert slow - READING_TABLES == HASHING.keys()
    root = Path(users.__file__ or "").parent
    hashing = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"\b(?:hash_password|is_password)\(", path.read_text("utf-8")) and "tests" not in path.parts
    }
    assert hashing - OF_COMMANDS == {*HASHING.values()}
