"""A crooked roll of households, as a township keeps it in a spreadsheet, and what reading it has to give."""

import secrets
from dataclasses import dataclass, field

from stdnum.cn import ric

from chassis.testing.workbooks import error, formula, merged, number, sheet, workbook

HEADINGS = ["序号", " 户主 姓名 ", "身份证号　", "联系 电话", "所在村代码", "家庭人口（必填）", "家庭住址", "户状态", "备注"]
SURNAMES = ("赵", "钱", "孙", "李", "周", "吴", "郑", "冯", "陈", "蒋", "沈", "韩", "杨", "秦", "许", "阿依古丽·", "司马")
GIVEN = ("守田", "秀兰", "建国", "桂芳", "𠮷", "明", "玉珍", "长根", "买买提", "秋生", "德福", "素琴", "志强")
FIRST_NUMBER = 200_000
CHOSEN = "尉迟砚秋"
REFUSED = "拓跋疏影"


@dataclass
class Roll:
    """A workbook and its figures. `refused` lists row number, column and code; `personal` what nobody else may read."""

    content: bytes = b""
    good: int = 0
    shared: int = 0
    lengthened: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)
    personal: list[str] = field(default_factory=list)


def national_id(place: int) -> str:
    """Return a valid number that belongs to nobody: its owner would have been born in January 1907 or soon after."""
    of, digits = FIRST_NUMBER + place, "510922"
    year, day = divmod(of // 1_000, 28)
    digits += f"{1900 + year}{1:02d}{day + 1:02d}{of % 1_000:03d}"
    return digits + str(ric.calc_check_digit(digits + "0"))


def write_roll(households: int, village: str, next_village: str) -> Roll:
    """Write a roll of so many households that can be read, with everything between them that villages write."""
    roll, begin = Roll(), secrets.randbelow(9_000) * 10_000
    rows: list[list[str | None]] = [["某镇帮扶对象花名册（2026年）"], [], list(HEADINGS)]
    faults = iter(_faults(village, begin))
    for place in range(households):
        if place % 15 == 9 and (fault := next(faults, None)):
            column, code, cells = fault
            rows.append([HEADINGS[0] if code == "row_heading" else str(len(rows)), *cells])
            roll.refused.append((str(len(rows)), column, code))
        if place % 25 == 7:
            rows.append([] if place % 50 == 7 else [" ", "　", "\u00a0"])
        rows.append([number(str(len(rows))), *_household(roll, place, begin, village, next_village)])
    rows.append(["合计", None, None, None, None, number(str(households))])
    roll.refused.append((str(len(rows)), "", "row_total"))
    assert next(faults, None) is None, "the roll is too short for all faults"
    roll.good = households
    hidden = [int(at) for at, _, code in roll.refused if code == "row_hidden"]
    roll.content = workbook({"填表说明": sheet([["请填第二张表"]]), "名单": sheet(rows, more=merged("A1:I1"), hidden=hidden)})
    return roll


def write_doubled_heading() -> bytes:
    """Write a roll with two columns of names, of which nobody can tell which one counts."""
    headings = ["姓名", "身份证号", "村代码", "姓名"]
    return workbook({"名单": sheet([headings, ["卫𠮷", national_id(990), "510981101004", "李四"]])})


def _household(roll: Roll, place: int, begin: int, village: str, next_village: str) -> list[str | None]:
    """Return the cells of a household that can be read, each written in one of the ways that people and programs have."""
    card, phone = national_id(place), f"137{begin + place:08}"
    name = f"{SURNAMES[place % len(SURNAMES)]}{GIVEN[place // len(SURNAMES) % len(GIVEN)]}"
    region = next_village if place % 3 == 0 else village
    address = f"{place % 8 + 1}组{place}号"
    if place == 20:
        name, region, address = CHOSEN, village, "桂花巷老井台旁四十一号"
        roll.chosen = {"name": name, "national_id": card, "phone": phone, "address": address}
        roll.personal += [name, card, phone, address]
    is_shared = place % 20 == 1 and place > 40
    if is_shared:
        phone = f"137{begin + place - 1:08}"
    roll.shared += is_shared
    is_old = place % 10 == 3 and card[14:17] < "990"
    roll.lengthened += is_old
    old = card[:6] + card[8:17]
    cards = [f"'{card}", card, f" {card} ", f'="{card}"' if place % 8 == 3 else card.lower()]
    phones = [number(phone), f"{phone[:3]} {phone[3:7]}-{phone[7:]}", f"+86{phone}", None, phone.translate(FULL_WIDTH)]
    return [
        f" {name}　",
        (number(old) if place % 20 == 3 else old) if is_old else cards[place % 4],
        phones[place % 5],
        number(region) if place % 2 else f"{region} ",
        (number(f"{place % 6 + 1}"), str(place % 6 + 1), number(f"{place % 6 + 1}.0"), None)[place % 4],
        f"  {address}",
        ("在册", "监测户", "已脱贫", None)[place % 4],
        ("", "低保?", "见附件", None)[place % 4],
    ]


FULL_WIDTH = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}


def _faults(village: str, begin: int) -> list[tuple[str, str, list[str | None]]]:
    """Return rows that cannot be read for certain: the column, the code and the cells."""
    cards = iter(national_id(place) for place in range(20_000, 20_100))
    card, name, where = "身份证号", "户主 姓名", "所在村代码"
    twice = national_id(0)
    return [
        (where, "cell_digits", ["王五", next(cards), None, "5.10921E+11"]),
        (where, "cell_digits", ["王五", next(cards), None, number("5.10921E+11")]),
        (card, "cell_digits", ["王五", number("510921194905120000"), None, village]),
        (name, "cell_lost", ["卫?", next(cards), None, village]),
        (name, "cell_lost", [f"{REFUSED}\ufffd", next(cards), f"136{begin:08}", village]),
        ("联系 电话", "cell_error", ["王五", next(cards), error("#N/A"), village]),
        (card, "cell_formula", ["王五", formula("A1", next(cards)), None, village]),
        ("", "row_repeated", ["王五", f"'{twice}", None, village]),
        ("", "row_extra", ["王五", next(cards), None, village, None, None, None, None, "李四"]),
        ("", "row_heading", list(HEADINGS[1:])),
        ("", "row_hidden", ["王五", next(cards), None, village]),
        (where, "outside_region", ["王五", next(cards), None, "510904001001"]),
    ]
