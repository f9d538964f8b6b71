"""Forbidden words in what people write: the same word is found through spaces, signs, full-width letters and traditional characters."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import regex

from needs.catalogue.defaults import Forbidden

_SIGNS = regex.compile(r"[^\p{L}\p{N}]+")
_NOT_LATIN = re.compile(r"[^a-z]+")
_LATIN = re.compile(r"[a-z \-]+")
# Traditional characters of the listed words; the whole table is not needed to recognise them.
_SIMPLIFIED = str.maketrans(
    "機電煙雪葉壽車輛買單彈藥鑽項鍊錶遊戲額禮賭還發響鑼蘋華為馬爾鄂絨羅啟國際傳動器駿爐萬聯練體課書報網線視頻鳥歐優質標準進階黃紅葡萄燒洋貴賬債環貂運腳臺檯",
    "机电烟雪叶寿车辆买单弹药钻项链表游戏额礼赌还发响锣苹华为马尔鄂绒罗启国际传动器骏炉万联练体课书报网线视频鸟欧优质标准进阶黄红葡萄烧洋贵账债环貂运脚台台",
)


@dataclass(frozen=True)
class Found:
    """A forbidden word in a text, as it stands in the list, and the entry that forbids it."""

    word: str
    by: Forbidden


def find_forbidden(text: str, listed: Sequence[Forbidden]) -> Found | None:
    """Find the first forbidden word of a text that asks for it; None when it holds none."""
    folded = _folded(text)
    dense, spaced = _dense(folded), _spaced(folded)
    if _any_word(tuple(listed)).search(f"{dense}\n{spaced}"):
        for entry in listed:
            for word in entry.words:
                if _asks(dense, spaced, word, entry):
                    return Found(word, entry)
    return None


@lru_cache(100)
def _any_word(listed: tuple[Forbidden, ...]) -> re.Pattern[str]:
    """Return a pattern of every word of a list. It finds nothing in most texts, whose words are then not looked for one by one."""
    words = {_spaced_word(word) if _is_latin(word) else _dense_word(word) for entry in listed for word in entry.words} - {""}
    return re.compile("|".join(map(re.escape, sorted(words))) or r"(?!)")


def _asks(dense: str, spaced: str, word: str, entry: Forbidden) -> bool:
    if _is_latin(word):
        return _spaced_word(word) in spaced
    looked_for = _dense_word(word)
    return any(not _is_exempt(dense, at, looked_for, entry) for at in _places(dense, looked_for))


def _is_exempt(text: str, at: int, word: str, entry: Forbidden) -> bool:
    return text.endswith(entry.unless, 0, at) or text.startswith(entry.unless_before, at + len(word))


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word) if word else -1
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _dense(folded: str) -> str:
    """Return the letters and digits of a folded text alone: `跑 步-机` becomes `跑步机`."""
    return str(_SIGNS.sub("", folded))


def _spaced(folded: str) -> str:
    """Return the Latin words of a folded text between single spaces, with one at each end."""
    return f" {_NOT_LATIN.sub(' ', folded).strip()} "


@cache
def _is_latin(word: str) -> bool:
    return _LATIN.fullmatch(_folded(word)) is not None


@cache
def _dense_word(word: str) -> str:
    return _dense(_folded(word))


@cache
def _spaced_word(word: str) -> str:
    return _spaced(_folded(word))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)


def read_listed(entries: Sequence[dict[str, object]]) -> tuple[Forbidden, ...]:
    """Read the forbidden words that a region has set."""
    return tuple(_of_region(entry) for entry in entries)


def _of_region(entry: dict[str, object]) -> Forbidden:
    words, instead = (tuple(str(one) for one in _list(entry.get(name))) for name in ("words", "instead"))
    zh, en = "本地不受理这类需求", "This is not supported here"
    return Forbidden(code="of_region", zh=zh, en=en, words=words, instead=instead)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
