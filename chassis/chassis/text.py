"""The profile of texts: free text, names, and codes such as phone numbers.

Names follow UTS #39 with lists of our own: scripts of China's minorities, `·` between the parts of a name, and the older letters of
Zhuang. Free text is wider: emoji, symbols and all scripts pass. `docs/text.md` shows examples of each decision.
"""

import unicodedata

import regex

RECOMMENDED = frozenset(
    {
        *("Arabic", "Armenian", "Bengali", "Bopomofo", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati", "Gurmukhi"),
        *("Han", "Hangul", "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam", "Myanmar", "Oriya"),
        *("Sinhala", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan"),
    }
)
"""The scripts that UAX #31 recommends for identifiers."""
OF_MINORITIES = frozenset({"Lisu", "Miao", "Mongolian", "New_Tai_Lue", "Tai_Le", "Tai_Tham", "Yi"})
"""Scripts of people in China that UAX #31 does not recommend. Mongolian includes Manchu and Xibe."""
LIKE_LATIN = {"Armenian", "Cyrillic", "Greek", "Lisu", "Miao"}
"""Scripts with many letters that look like Latin ones; a name uses one of both."""
LATIN_LOOKALIKES = "ꞫȜƷꝪȣȢꝮɑꞴᴄꬲꬵꞙẝꞘɡᶃƍɪɩꞲƖǀᴏᴑꬽꭇꭈƦꜱꞟᴜꭎꭒʋᴠɯᴡꞳɣᶌʏỿꭚᴢꝚ"
"""Latin letters that look like ASCII letters or digits, from the confusables of UTS #39; without ı and the older letters of Zhuang."""

_PLAIN = regex.compile(r"[\n\t\x20-\x7E\u3001-\u3011\u4E00-\u9FFF\uFF01-\uFF5E·—‘’“”…]*")
"""Most texts: ASCII, ordinary ideographs and Chinese punctuation, which need no closer look."""
_IDEOGRAPHS = regex.compile(r"[\u4E00-\u9FFF]+")
"""Most names: ordinary ideographs alone, which no rule of names refuses or changes."""
_CONTROL = regex.compile(r"[\p{Cc}\p{Cs}--[\n\t\r\x85]]", regex.V1)
_NOT_TYPED = regex.compile(r"[\x00-\x1F\p{Cs}--[\n\t\r]]", regex.V1)
_LINE_BREAK = regex.compile(r"\r\n|[\r\x85\u2028\u2029]")
_UNKNOWN = regex.compile(r"[\p{Cn}\p{Co}--\p{DI}]", regex.V1)
_INVISIBLE = regex.compile(r"[\p{DI}\p{Cf}\u2800\uFFFC\U0001D159--\p{Prepended_Concatenation_Mark}]", regex.V1)
_OVERRIDE = regex.compile(r"[\u202A-\u202E]")
_DIRECTION = regex.compile(r"[\u200E\u200F\u061C\u2066-\u2069]")
_FROM_THE_RIGHT = regex.compile(r"[[\p{bc=R}\p{bc=AL}]&&\p{L}]", regex.V1)
_IN_PLACE = regex.compile(
    r"""(?x)
    # Variation selectors behind an ideograph, an emoji, a letter of Mongolian, Phags-pa or Myanmar.
      (?<=[\p{Unified_Ideograph}\u3007])[\uFE00-\uFE02\U000E0100-\U000E01EF]
    | (?<=[\p{Emoji}--[0-9\#*]])[\uFE0E\uFE0F]
    | (?<=[0-9\#*])\uFE0F(?=\u20E3)
    | (?<=[\p{Mongolian}&&\p{L}])[\u180B-\u180D\u180F]
    | (?<=[[\p{Myanmar}\p{Phags_Pa}]&&\p{L}])\uFE00
    # The Mongolian vowel separator stands before the last vowel.
    | (?<=[\p{Mongolian}&&\p{L}][\u180B-\u180D\u180F]?)\u180E(?=[\u1820\u1821])
    # Joiners as UAX #31 permits them: between cursive letters, behind a virama; and between emoji.
    | (?<=[\p{jt=D}\p{jt=L}]\p{jt=T}*)\u200C(?=\p{jt=T}*[\p{jt=D}\p{jt=R}])
    | (?<=\p{L}\p{M}*\p{ccc=9})[\u200C\u200D]
    | (?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?)\u200D(?=\p{Extended_Pictographic})
    # Tags of the flags of England, Scotland and Wales.
    | (?<=\U0001F3F4)\U000E0067\U000E0062
      (?:\U000E0065\U000E006E\U000E0067|\U000E0073\U000E0063\U000E0074|\U000E0077\U000E006C\U000E0073)\U000E007F
    """,
    regex.V1,
)
_LONE_MARK = regex.compile(r"(?<![\p{L}\p{M}\p{N}\p{P}\p{S}\u200C\u200D])\p{M}")
# Subjoined letters of Tibetan are marks too, and stacks of them are ordinary.
_STACK = regex.compile(r"(?<=[\p{M}--[\u0F90-\u0FBC\p{Variation_Selector}]]{4})[\p{M}--[\u0F90-\u0FBC\p{Variation_Selector}]]", regex.V1)

_NAME_FORMS = str.maketrans(
    dict.fromkeys("•‧∙⋅・･⸱ㆍ", "·")
    | {chr(0xFEE0 + code): chr(code) for code in range(0x30, 0x7B) if chr(code).isalnum()}
    | {chr(0xFEE0 + ord(mark)): mark for mark in "&+-./'"}
    | {"\u2010": "-", "\u2011": "-", "\u0f0c": "\u0f0b"}
)
_SPACES = regex.compile(r"(?<!\p{Mongolian})\u202F|\u202F(?!\p{Mongolian})|[\p{Zs}--\u202F]+", regex.V1)
_NOT_IN_NAMES = regex.compile(
    r"[^\p{L}\p{Mn}\p{Mc}\p{Nd}〇\p{Cf}\x20\u202F·.,'’‘“”《》()（）&，、：:/+\-–\u0F0B\u0F0D\u1806\u060C]|[ʰ-˿--[ʻʼ]]", regex.V1
)
_LETTER = regex.compile(r"[\p{L}〇]")
_FORMS = ("circle", "final", "font", "fraction", "initial", "isolated", "medial", "narrow", "small", "square", "sub", "super", "vertical")
_STYLED = regex.compile("[" + "".join(rf"\p{{dt={form}}}" for form in _FORMS) + LATIN_LOOKALIKES + r"--\p{P}]", regex.V1)
# Single letters of other scripts beside ideographs: カ for 力, ㄚ for 丫, ㅣ for 丨.
_LIKE_HAN = regex.compile(
    r"(?<![\p{Hiragana}\p{Katakana}ー])[イエカタトニハヘロー](?![\p{Hiragana}\p{Katakana}ー])"
    r"|(?<!\p{Bopomofo})[ㄅ-ㄯ](?!\p{Bopomofo})"
    "|[ㄱ-ㆎᄀ-ᇿ]"
)
_HAN = regex.compile(r"\p{Han}")
_HAN_OR_LATIN = regex.compile(r"[\p{Han}\p{Latin}]")
_DIGITS_OF_OTHERS = regex.compile(r"[\p{Nd}--[0-9]]", regex.V1)
_ZHUANG = str.maketrans("ЗзЧч", "ƷʒƼƽ")
"""The older letters of Zhuang that Unicode has as Cyrillic ones only."""


def _systems() -> str:
    """Return a pattern of names in one writing system: UTS #39's highly restrictive level, and Han beside any one script."""
    east = ("Hiragana", "Katakana"), ("Bopomofo",), ("Hangul",)
    sets = [("Han", "Latin", *more) for more in east]
    others = sorted((RECOMMENDED | OF_MINORITIES) - {script for scripts in sets for script in scripts})
    sets += [("Han", one) if one in LIKE_LATIN else ("Han", "Latin", one) for one in others]
    return "|".join("[" + "".join(rf"\p{{scx={script}}}" for script in (*scripts, "Common", "Inherited")) + "]*" for scripts in sets)


_ONE_SYSTEM = regex.compile(_systems())

_FULL_WIDTH = {0xFEE0 + code: code for code in range(0x21, 0x7F)}
_DASH = regex.compile(r"[\p{Pd}\u2212]")
_PASTED = regex.compile(r"[\s\p{Zs}\p{Cf}\p{DI}]+")


class UnfitText(ValueError):
    """A text does not fit the profile. `code` is a key of `chassis.problems.FIELD_WORDS`; position and character are for people."""

    def __init__(self, code: str, text: str = "", at: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = {} if at is None else {"position": at + 1, "character": f"U+{ord(text[at]):04X}"}


def read_text(written: str) -> str:
    """Return free text without spaces at its ends, in NFC. Raises `UnfitText` for what shows nothing, or hides the order of others."""
    text = written.strip()
    if _PLAIN.fullmatch(text):
        return text
    _refuse(_CONTROL, text, "text_form")
    text = str(_LINE_BREAK.sub("\n", text))
    _refuse(_UNKNOWN, text, "text_unknown")
    _refuse(_OVERRIDE, text, "text_misleading")
    _check_invisible(text)
    text = unicodedata.normalize("NFC", text)
    _refuse(_LONE_MARK, text, "text_mark")
    _refuse(_STACK, text, "text_mark")
    return text


def read_name(written: str) -> str:
    """Return the name of a person or body in its one form. Raises `UnfitText` for what `read_text` refuses, and for what misleads."""
    if _IDEOGRAPHS.fullmatch(written):
        return written
    for directions in (_OVERRIDE, _DIRECTION):
        _refuse(directions, written, "text_misleading")
    name: str = _SPACES.sub(" ", read_text(written).translate(_NAME_FORMS))
    if not name:
        return name
    _refuse(_STYLED, name, "text_misleading")
    _refuse(_NOT_IN_NAMES, name, "name_character")
    if not _LETTER.search(name):
        raise UnfitText("name_letters")
    if not any(_ONE_SYSTEM.fullmatch(form) for form in (name, name.translate(_ZHUANG))):
        raise UnfitText("name_scripts")
    if _HAN.search(name):
        _refuse(_LIKE_HAN, name, "text_misleading")
    _check_digits(name)
    return name


def read_secret(written: str) -> str:
    """Return a password exactly as it was typed. Raises `UnfitText` for characters that no keyboard makes."""
    _refuse(_NOT_TYPED, written, "text_form")
    return written


def clean_code(written: str, dropped: str = "") -> str:
    """Return a number or code without what pasting brings along.

    Spaces and invisible characters go, and the characters of `dropped`; dashes become hyphens, full-width characters ASCII.
    """
    if written.isascii() and written.isalnum() and not any(map(str.isalnum, dropped)):
        return written
    code: str = _PASTED.sub("", _DASH.sub("-", written.translate(_FULL_WIDTH)))
    return code.translate(dict.fromkeys(map(ord, dropped)))


def _refuse(pattern: "regex.Pattern[str]", text: str, code: str) -> None:
    if found := pattern.search(text):
        raise UnfitText(code, text, found.start())


def _check_invisible(text: str) -> None:
    at, open_isolates, is_from_the_right = 0, [], bool(_FROM_THE_RIGHT.search(text))
    while found := _INVISIBLE.search(text, at):
        at = found.start()
        if _DIRECTION.match(text, at) and is_from_the_right:
            end = at + 1
            if "\u2066" <= text[at] <= "\u2068":
                open_isolates.append(at)
            elif text[at] == "\u2069" and not open_isolates:
                raise UnfitText("text_misleading", text, at)
            elif text[at] == "\u2069":
                open_isolates.pop()
        elif place := _IN_PLACE.match(text, at):
            end = place.end()
        else:
            raise UnfitText("text_invisible", text, at)
        at = end
    if open_isolates:
        raise UnfitText("text_misleading", text, open_isolates[-1])


def _check_digits(name: str) -> None:
    """Refuse digits of two systems, such as ٣ and 3, in one name, and others than ASCII's beside ideographs or Latin letters."""
    zeros = {ord(character) - unicodedata.digit(character) for character in name if character.isdecimal()}
    if len(zeros) > 1 or _HAN_OR_LATIN.search(name):
        _refuse(_DIGITS_OF_OTHERS, name, "text_misleading")
