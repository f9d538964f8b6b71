"""Crooked workbooks for tests, written part by part: what a spreadsheet program stores, and what none would."""

import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from xml.sax.saxutils import escape

from chassis.tables.columns import letters

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DATE, MOMENT, PADDED, PERCENT = 1, 2, 3, 4
"""Cell formats that every workbook of `workbook` has."""
_STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="000000"/><numFmt numFmtId="165" formatCode="0_ "/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/>'
    '<xf numFmtId="9"/><xf numFmtId="165"/></cellXfs></styleSheet>'
)


def text(value: str) -> str:
    """Return the XML inside of a cell of text."""
    return f't="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is>'


def number(raw: str, style: int = 0) -> str:
    """Return the XML inside of a cell with a number, as it is stored."""
    return f's="{style}"><v>{raw}</v>'


def formula(source: str, value: str) -> str:
    """Return the XML inside of a cell with a formula and its last value."""
    return f't="str"><f>{escape(source)}</f><v>{escape(value)}</v>'


def error(shown: str) -> str:
    """Return the XML inside of a cell that shows an error."""
    return f't="e"><v>{shown}</v>'


def sheet(rows: Iterable[Iterable[str | None]], more: str = "", hidden: Iterable[int] = (), prefix: str = "") -> str:
    """Return the XML of a sheet; a cell is text, or XML of the functions above. `more` follows the rows, as merged ranges do."""
    parts = [f'<{prefix}worksheet xmlns{":" + prefix[:-1] if prefix else ""}="{MAIN}"><{prefix}sheetData>']
    for place, row in enumerate(rows, start=1):
        parts.append(f'<{prefix}row r="{place}"{" hidden=" + chr(34) + "1" + chr(34) if place in set(hidden) else ""}>')
        for at, cell in enumerate(row):
            if cell is not None:
                inside = cell if "><" in cell else text(cell)
                parts.append(f'<{prefix}c r="{letters(at)}{place}" {_prefixed(inside, prefix)}</{prefix}c>')
        parts.append(f"</{prefix}row>")
    return "".join([*parts, f"</{prefix}sheetData>{more}</{prefix}worksheet>"])


def merged(*ranges: str) -> str:
    """Return the XML of merged ranges such as `A2:A4`."""
    return "<mergeCells>" + "".join(f'<mergeCell ref="{one}"/>' for one in ranges) + "</mergeCells>"


def workbook(
    sheets: Mapping[str, str], hidden: Iterable[str] = (), parts: Mapping[str, str | bytes] | None = None, more: str = ""
) -> bytes:
    """Return an XLSX file with these sheets by name. `parts` replaces or adds parts of the archive; `more` stands before the sheets."""
    states = {name: ' state="hidden"' if name in set(hidden) else "" for name in sheets}
    listed = "".join(f'<sheet name="{escape(name)}" sheetId="{at}" r:id="r{at}"{states[name]}/>' for at, name in enumerate(sheets, start=1))
    relations = "".join(
        f'<Relationship Id="r{at}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>' for at in range(1, len(sheets) + 1)
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{more}<sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships>{relations}<Relationship Id="s" Type="{RELATIONS}/styles" Target="styles.xml"/>'
        f'<Relationship Id="t" Type="{RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
        **{f"xl/worksheets/sheet{at}.xml": xml for at, xml in enumerate(sheets.values(), start=1)},
    }
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files | dict(parts or {})).items():
            archive.writestr(name, content)
    return made.getvalue()


def _prefixed(inside: str, prefix: str) -> str:
    return (
        inside.replace("</", f"</{prefix}").replace("<is", f"<{prefix}is").replace("<t ", f"<{prefix}t ").replace("<v>", f"<{prefix}v>")
        if prefix
        else inside
    )
