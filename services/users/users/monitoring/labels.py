"""The kinds of monitored households, read from `labels.toml`."""

import tomllib
from importlib.resources import files

_listed = tomllib.loads(files(__package__).joinpath("labels.toml").read_text("utf-8"))
LABELS: dict[str, tuple[str, str]] = {label: (words["zh"], words["en"]) for label, words in _listed.items()}
"""The words of each kind, in Chinese and English."""
