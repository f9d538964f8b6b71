"""The printed slip and the label of a parcel: what stands on them, Chinese first. They name goods and offices, never people."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from chassis.data.database import now
from chassis.paper import draw_code, set_document
from chassis.wording import ItemWords
from matching.book.model import Match, Slip
from matching.points.model import Point
from matching.slips.regions import complete_address
from matching.slips.words import format_amount, format_giver, paper_words

CHINA = timezone(timedelta(hours=8))


def draw_slip(match: Match, slip: Slip, item: ItemWords, names: Sequence[str], point: Point | None, address: str) -> bytes:
    """Set a slip as an A6 PDF. `address` contains the token and stands in the code and in its link; `names` are those of the region."""
    return set_document(load_template("slip.typ"), describe_slip(match, slip, item, names, point, address), at=slip.printed_at)


def describe_slip(match: Match, slip: Slip, item: ItemWords, names: Sequence[str], point: Point | None, address: str) -> dict[str, Any]:
    """Return what stands on a slip."""
    words = paper_words(item.kind)
    return {
        "title": words["title"],
        "confirm": words["confirm"],
        "wait": words["wait"],
        "names": {name: " ".join(words[name]) for name in ("point", "signed")},
        "amount": _amount(match, item, match.moved("sent") or match.moved("promised")),
        "village": "".join(names[-2:]) or match.region,
        "point": point and {name: getattr(point, name) for name in ("name", "address", "telephone", "hours")},
        "giver": format_giver(match.giver_kind),
        "charity": match.charity,
        "number": match_number(match),
        "valid_until": _day(slip.expires_at),
        "platform": platform_of(address),
        "address": address,
        "code": draw_code(address),
    }


def describe_label(match: Match, item: ItemWords, point: Point, names: Sequence[str]) -> dict[str, Any]:
    """Return what stands on the label of a parcel: its recipient is the collection point."""
    return {
        "recipient": point.name,
        "address": complete_address(point.address, names),
        "telephone": point.telephone,
        "number": match_number(match),
        "contents": _amount(match, item, match.moved("promised"))[0],
        "hours": point.hours,
        "do_not_bring": point.do_not_bring,
    }


def write_label(label: Mapping[str, Any]) -> str:
    """Return the label as text, ready to be copied to a carrier's form or onto a parcel."""
    recipient = f"{label['recipient']}（{label['telephone']}）" if label["telephone"] else str(label["recipient"])
    lines = [f"收件人：{recipient}", f"地址：{label['address']}", f"物品：{label['contents']}", f"对接编号：{label['number']}"]
    lines += [f"开放时间：{label['hours']}"]
    return "\n".join(lines + ([f"请勿寄送：{label['do_not_bring']}"] if label["do_not_bring"] else []))


def draw_label(label: Mapping[str, Any], address: str) -> bytes:
    """Set a label as a PDF of 100 by 75 mm, to be glued on a parcel."""
    return set_document(load_template("label.typ"), {**label, "platform": platform_of(address)}, at=now())


def match_number(match: Match) -> str:
    """Return the number of a match for people: the last twelve characters of its id, in groups."""
    last = str(match.id)[-12:].upper()
    return " ".join((last[:4], last[4:8], last[8:]))


def platform_of(address: str) -> str:
    """Return the name of the site in an address."""
    return urlsplit(address).netloc


@cache
def load_template(name: str) -> str:
    """Return a template of this room."""
    return files("matching.slips").joinpath(name).read_text("utf-8")


def _amount(match: Match, item: ItemWords, quantity: int) -> list[str]:
    return [format_amount(item, quantity, match.unit, language) for language in ("zh-CN", "en")]


def _day(moment: datetime) -> str:
    day = moment.astimezone(CHINA)
    return f"{day.year} 年 {day.month} 月 {day.day} 日"
