"""Spellings of a region's name by which people look for it: without its kind of division, in pinyin, by initials."""

import re
from functools import lru_cache

from pypinyin import lazy_pinyin

from users.pinyin import normalise

_PEOPLES = (
    "阿昌|白|保安|布朗|布依|朝鲜|达斡尔|傣|德昂|东乡|侗|独龙|俄罗斯|鄂伦春|鄂温克|高山|仡佬|哈尼|哈萨克|赫哲|回|基诺|京|景颇|柯尔克孜|拉祜|黎|傈僳|珞巴|满|毛南|门巴|"
    "蒙古|苗|仫佬|纳西|怒|普米|羌|撒拉|畲|水|塔吉克|塔塔尔|土家|土|佤|维吾尔|乌孜别克|锡伯|瑶|彝|裕固|藏|壮|各"
)
_KIND = re.compile(
    rf"(?:(?:(?:{_PEOPLES})族?)+(?:自治[区州县旗]|民族乡|乡|苏木)|特别行政区|自治[区州县旗]|地区|矿区|林区|特区|新区|街道办事处|街道|民族乡|苏木|"
    r"居民委员会|村民委员会|社区居委会|居委会|村委会|社区|省|市|盟|州|县|区|旗|镇|乡|村)\Z"
)
_LEAST = 2
TOWN_DIGITS = 9
"""Longer codes, those of villages, have no spellings in the database."""
LATIN = re.compile(r"[a-z]+\Z")


def shorten(name: str) -> str:
    """Return the name without its kind of division, as 蓬溪 for 蓬溪县; a name that would have one character left stays whole."""
    short = _KIND.sub("", name)
    return short if len(short) >= _LEAST else name


@lru_cache(50_000)
def spell(name: str) -> tuple[str, str]:
    """Return the name in pinyin without tones and spaces, and the first letters of its syllables; ü is written v."""
    return _join(lazy_pinyin(name))


def spellings(name: str) -> set[str]:
    """Return everything that finds a region of this name: the name and its short form, each in characters, pinyin and initials."""
    short, syllables = shorten(name), lazy_pinyin(name)
    # A syllable for each character; letters and digits stay together, and such names are rare.
    spelled = _join(syllables[: len(short)]) if len(syllables) == len(name) else spell(short)
    return {name, short, *_join(syllables), *spelled}


def _join(syllables: list[str]) -> tuple[str, str]:
    return "".join(syllables).lower(), "".join(syllable[:1] for syllable in syllables).lower()


def read_words(asked: str) -> list[str]:
    """Split what somebody asks for into words, in small letters and without tones and apostrophes."""
    return [word for part in re.split(r"[\s,，、;；/·>＞→-]+", asked) if (word := normalise(part))]
