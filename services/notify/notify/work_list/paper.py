"""A village's work list on paper: who is to be told what. Chinese, for the administrator who carries it through the village."""

from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from chassis.paper import set_document
from notify.messages.queries import ListEntry
from notify.messages.rules import URGENT
from notify.templates.speaking import Speaker
from notify.work_list.names import Named, Names
from notify.work_list.queries import WorkList

CHINA = timezone(timedelta(hours=8))
LANGUAGE = "zh-CN"
WHOSE = {"own": "本人", "shared": "家人共用", "neighbour": "邻居代接", "landline": "座机"}
UNKNOWN = Named(UUID(int=0), "（已不在本村登记）")
DIGITS = 6
"""Characters of a line's number, by which it is found again on the screen."""


def draw_list(work: WorkList, names: Names, speaker: Speaker, village: str, address: str, at: datetime) -> bytes:
    """Set a work list as an A4 PDF. `village` is the name of its region, `address` that of the site."""
    return set_document(load_template(), describe_list(work, names, speaker, village, address, at), at=at)


def describe_list(work: WorkList, names: Names, speaker: Speaker, village: str, address: str, at: datetime) -> dict[str, Any]:
    """Return what stands on a work list: a block for each household, by its address, and the lines that it is told."""
    by_household: dict[UUID, list[ListEntry]] = {}
    for entry in work.entries:
        assert entry.message.recipient_id
        by_household.setdefault(entry.message.recipient_id, []).append(entry)
    known = names.by_id
    households = [
        {
            "name": one.name,
            "address": one.address or "",
            "telephone": " ".join(part for part in (one.telephone, WHOSE.get(one.whose or "")) if part) if one.telephone else "",
            "lines": [_line(entry, speaker) for entry in entries],
        }
        for one, entries in ((known.get(household_id, UNKNOWN), entries) for household_id, entries in by_household.items())
    ]
    return {
        "village": village,
        "printed": _day(at),
        "households": sorted(households, key=lambda one: (one["name"] == UNKNOWN.name, one["address"] == "", one["address"], one["name"])),
        "lines": len(work.entries),
        "more": work.more,
        "place": names.place and {name: getattr(names.place, name) for name in ("name", "address", "hours", "telephone")},
        "platform": urlsplit(address).netloc,
    }


def _line(entry: ListEntry, speaker: Speaker) -> dict[str, Any]:
    message, notice = entry.message, entry.notice
    words = speaker.words_of(notice, LANGUAGE)
    return {
        "title": words["title"],
        "text": words["text"],
        "is_urgent": message.priority == URGENT,
        "since": _day(notice.created_at),
        "number": str(message.id)[-DIGITS:].upper(),
    }


@cache
def load_template() -> str:
    """Return the template of the list."""
    return files("notify.work_list").joinpath("list.typ").read_text("utf-8")


def _day(moment: datetime) -> str:
    day = moment.astimezone(CHINA)
    return f"{day.year} 年 {day.month} 月 {day.day} 日"
