"""Documents on paper: the font is embedded, rare characters are right, data are never markup."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from pypdf import PdfReader

from chassis import paper

AT = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
TEMPLATE = """
#show: sheet.with(width: 105mm, height: 74mm, title: "试印 Trial", date: data.date)
#data.text
"""
RARE = "卫𠮷、阿依古丽·买买提、㛃、〇"


def set_text(text: str) -> PdfReader:
    return PdfReader(io.BytesIO(paper.set_document(TEMPLATE, {"text": text}, at=AT)))


def fonts_of(document: PdfReader) -> list[Any]:
    """Return the fonts of a document with their descriptors."""
    found = []
    for page in document.pages:
        for font in page["/Resources"]["/Font"].values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            found.append((str(inner["/BaseFont"]), inner["/FontDescriptor"].get_object()))
    return found


def test_font_is_embedded_as_a_subset() -> None:
    document = set_text(RARE)
    [(name, described)] = fonts_of(document)
    assert name.partition("+")[2].startswith("NotoSansCJK")
    assert {"/FontFile", "/FontFile2", "/FontFile3"} & described.keys()
    assert len(paper.set_document(TEMPLATE, {"text": RARE}, at=AT)) < 40_000


def test_rare_characters_can_be_read_out_again() -> None:
    assert "".join(set_text(RARE).pages[0].extract_text().split()) == RARE


def test_document_claims_to_be_an_archive_format() -> None:
    document = set_text("一份文件")
    metadata = document.xmp_metadata
    assert metadata is not None
    about = metadata.stream.get_data() if hasattr(metadata, "stream") else metadata.rdf_root.toxml().encode()
    assert b"pdfaid:part" in about
    assert document.metadata is not None
    assert document.metadata.title == "试印 Trial"


@pytest.mark.parametrize("text", ["#panic()", "$x$ *a* _b_", '"#(1+1)"', "\\u{41}", "= 一", "@a <b> // c", "`a`"])
def test_data_are_never_markup(text: str) -> None:
    assert "".join(set_text(text).pages[0].extract_text().split()) == "".join(text.split())


def test_document_is_the_same_each_time() -> None:
    assert len({paper.set_document(TEMPLATE, {"text": RARE}, at=AT) for _ in range(3)}) == 1


def test_pages_can_be_looked_at() -> None:
    [picture] = paper.set_pictures(TEMPLATE, {"text": RARE}, at=AT)
    assert picture.startswith(b"\x89PNG")


def test_code_is_drawn_with_its_quiet_zone() -> None:
    assert 'viewBox="0 0 ' in paper.draw_code("https://duijie.example.org/v1/slips/page#" + "x" * 22) or "<svg" in paper.draw_code("x")
