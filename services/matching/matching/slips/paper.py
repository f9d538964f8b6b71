"""The printed hand-over slip: an A6 PDF, Chinese first, with a QR code."""

import io
from datetime import datetime, timedelta, timezone

import segno
from reportlab.lib.pagesizes import A6
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from matching.book.model import Match, Slip
from matching.slips.words import format_amount

CHINA = timezone(timedelta(hours=8))
# PDF readers bring this font along, so that a slip stays at a few kilobytes for slow lines.
FONT = "STSong-Light"
MARGIN = 9 * mm
CODE = 52 * mm


def draw_slip(match: Match, slip: Slip, address: str) -> bytes:
    """Return the PDF. It names goods, never people; `address` contains the token and stands in the code and in its link."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A6)
    canvas.setTitle("交接单 Hand-over slip")
    width, height = A6
    _line(canvas, height - 14 * mm, 18, "爱心物资交接单")
    _line(canvas, height - 19.5 * mm, 8.5, "Hand-over slip")
    quantity = match.moved("sent") or match.moved("promised")
    top = height - 28 * mm
    rows = (
        (
            "物品 Goods",
            format_amount(quantity, match.unit, match.category, "zh-CN"),
            format_amount(quantity, match.unit, match.category, "en"),
        ),
        ("编号 Number", str(match.id)[-12:].upper(), ""),
        ("有效期 Valid until", _day(slip.expires_at), ""),
    )
    for label, chinese, english in rows:
        canvas.setFont(FONT, 8)
        canvas.drawString(MARGIN, top, label)
        _fitting(canvas, MARGIN + 29 * mm, top, 11, chinese, width - 2 * MARGIN - 29 * mm)
        if english:
            top -= 4.5 * mm
            _fitting(canvas, MARGIN + 29 * mm, top, 8, english, width - 2 * MARGIN - 29 * mm)
        top -= 6.5 * mm
    _code(canvas, address, (width - CODE) / 2, top - CODE + 3 * mm)
    top -= CODE + 2 * mm
    _line(canvas, top, 10, "收到物品后，用任意手机扫码确认数量，无需注册。")
    _line(canvas, top - 4.5 * mm, 7.5, "When it has arrived, scan and confirm. No account needed.")
    _line(canvas, top - 9.5 * mm, 8, "没有收到请勿扫码；有疑问请联系本村。")
    canvas.setFont(FONT, 8)
    canvas.drawString(MARGIN, 8 * mm, "签收人 Received by ____________    日期 Date ____________")
    canvas.save()
    return file.getvalue()


def _line(canvas: Canvas, y: float, size: float, said: str) -> None:
    canvas.setFont(_font(said), size)
    canvas.drawCentredString(A6[0] / 2, y, said)


def _fitting(canvas: Canvas, x: float, y: float, size: float, said: str, width: float) -> None:
    wanted = pdfmetrics.stringWidth(said, _font(said), size)
    canvas.setFont(_font(said), size * min(1, width / wanted))
    canvas.drawString(x, y, said)


def _font(said: str) -> str:
    return "Helvetica" if said.isascii() else FONT


def _code(canvas: Canvas, address: str, x: float, y: float) -> None:
    # A phone that shows the slip cannot scan it; its user touches the code instead.
    canvas.linkURL(address, (x, y, x + CODE, y + CODE))
    rows = list(segno.make_qr(address, error="q").matrix_iter(border=4))
    step = CODE / len(rows)
    for number, row in enumerate(rows):
        for place, is_dark in enumerate(row):
            if is_dark:
                # Each square is a little wider than its place, so that no hairlines show between neighbours.
                canvas.rect(x + place * step, y + CODE - (number + 1) * step, step * 1.02, step * 1.02, stroke=0, fill=1)


def _day(moment: datetime) -> str:
    day = moment.astimezone(CHINA)
    return f"{day.year} 年 {day.month} 月 {day.day} 日"
