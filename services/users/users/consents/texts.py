"""The texts of consents, by purpose and version."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

CONTACT = "contact"
"""The purpose: a giver sees name and telephone of the household after acceptance."""


@cache
def load_texts() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Read the texts by purpose, version and language; the last version of a purpose is the present one."""
    return tomllib.loads(files("users.consents").joinpath("texts.toml").read_text("utf-8"))


def is_present(purpose: str, version: str) -> bool:
    """Tell whether a version is the one that people are asked to consent to now."""
    return version == list(load_texts()[purpose])[-1]
