"""Documents on paper: typst sets templates and data as PDF/A-2b, with an embedded subset of a Chinese font.

A service keeps its templates beside its code and calls `set_document`. Each template begins with the functions of `prelude.typ`. Data
reach it as values, never as markup, so no text that people wrote can change a document.
"""

import io
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any

import segno
import typst

CHINA = timezone(timedelta(hours=8))
FONT = "noto_cjk_sans_otc"
"""The package that brings Noto Sans CJK: the very file of Debian's `fonts-noto-cjk`."""


def set_document(template: str, data: Mapping[str, Any], *, at: datetime) -> bytes:
    """Set a template as a PDF/A-2b. It reads `data` as JSON values, and `data.date`, the day of `at` in China.

    Raises `typst.TypstError` for a template that is wrong.
    """
    pdf: bytes = _compile(template, data, at, format="pdf", pdf_standards=["a-2b"])
    return pdf


def set_pictures(template: str, data: Mapping[str, Any], *, at: datetime, ppi: float = 144) -> list[bytes]:
    """Set a template as PNG files, one for each page, to look at."""
    pages = _compile(template, data, at, format="png", ppi=ppi)
    return [pages] if isinstance(pages, bytes) else list(pages)


def draw_code(text: str) -> str:
    """Draw a QR code as SVG, with its quiet zone; a quarter of it may be damaged."""
    file = io.BytesIO()
    segno.make_qr(text, error="q").save(file, kind="svg", border=4, xmldecl=False)
    return file.getvalue().decode()


def _compile(template: str, data: Mapping[str, Any], at: datetime, **options: Any) -> Any:
    day = at.astimezone(CHINA)
    inputs = {"data": json.dumps({**data, "date": [day.year, day.month, day.day]}, ensure_ascii=False)}
    source = f"{_prelude()}\n{template}".encode()
    return typst.compile(source, font_paths=_fonts(), sys_inputs=inputs, timestamp=at.replace(microsecond=0), **options)


@cache
def _fonts() -> typst.Fonts:
    # One font alone, the same on every machine: neither the system's nor those that typst brings along.
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(files(FONT))])


@cache
def _prelude() -> str:
    return files("chassis.paper").joinpath("prelude.typ").read_text("utf-8")
