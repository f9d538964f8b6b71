"""Short texts for SMS: which one a notice uses, and its parameters."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import cast

from contracts.notify import Asked

CODE, NEWS, SHARED = "code", "news", "shared"
ASK_AGAIN, ANSWER_LATE, ANSWER_LISTED = "ask_again", "answer_late", "answer_listed"
LONGEST_PARAMETER = 20
"""Characters of a parameter. With a signature of ten, the longest text then has 70, which is one SMS."""
_LINK = r"[a-z]*://\S*|(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/\S*)?"
_NO_PARAMETER = re.compile(rf"[\x00-\x1f<>{{}}【】\[\]]|{_LINK}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class ShortText:
    """A text with named gaps, in two languages, and the notices that use it. One that `asks` something wants an answer by SMS."""

    name: str
    words: Mapping[str, str]
    of: tuple[str, ...]
    asks: Asked | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the gaps, in the order of the Chinese text: that of the filed template."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.words["zh-CN"]) if name)

    def render(self, parameters: Mapping[str, str], language: str = "zh-CN") -> str:
        return self.words[language].format_map(parameters)


@cache
def texts() -> Mapping[str, ShortText]:
    """Read all short texts by name."""
    read = tomllib.loads(files("notify.channels").joinpath("texts.toml").read_text("utf-8"))
    return {
        name: ShortText(
            name,
            {language: words for language, words in entry.items() if language not in {"of", "asks"}},
            tuple(entry.get("of", ())),
            cast("Asked | None", entry.get("asks")),
        )
        for name, entry in read.items()
    }


@cache
def _by_notice() -> Mapping[str, ShortText]:
    return {notice: text for text in texts().values() if text.asks is None for notice in text.of}


@cache
def _asking_by_notice() -> Mapping[str, ShortText]:
    return {notice: text for text in texts().values() if text.asks for notice in text.of}


def asking_text_for(kind: str, side: str) -> ShortText | None:
    """Return the text by which a kind of notice asks something, or None when it asks nothing."""
    return _asking_by_notice().get(f"{kind}.{side}")


def text_for(kind: str, side: str) -> ShortText:
    """Return the text for a kind of notice: its own, or the one that only names its title."""
    return _by_notice().get(f"{kind}.{side}") or texts()[NEWS]


def clean_parameter(value: str) -> str:
    """Make a value fit for a provider's template: short, without line breaks, brackets, markup and links."""
    plain = " ".join(_NO_PARAMETER.sub(" ", value).split())
    return plain if len(plain) <= LONGEST_PARAMETER else plain[: LONGEST_PARAMETER - 1] + "…"
