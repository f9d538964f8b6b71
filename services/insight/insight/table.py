"""Rates as a table for spreadsheets: a row for the total, the period before, each bucket and each region below."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from contracts import regions

PARTS = {
    "figures": ("合计", "total"),
    "before": ("上期", "period before"),
    "series": ("分期", "by period"),
    "ranking": ("下级排名", "regions below"),
}
COUNTRY = ("全国", "the whole country")
HEADINGS = {
    "part": ("类别", "part"),
    "region": ("区划代码", "region"),
    "region_name": ("区划名称", "region name"),
    "start": ("起始日期", "start"),
    "rank": ("排名", "rank"),
    "registered": ("注册人数", "registered"),
    "registered_by_then": ("累计注册", "registered by then"),
    "households": ("新登记贫困户", "households registered"),
    "active": ("活跃人数", "active"),
    "needs": ("发布需求", "needs"),
    "rejected": ("未通过", "rejected"),
    "withdrawn": ("撤回", "withdrawn"),
    "closed": ("结束", "closed"),
    "helped": ("已对接需求", "needs helped"),
    "delivered": ("已落实需求", "needs delivered"),
    "matches": ("对接数", "matches"),
    "refused": ("谢绝", "refused"),
    "lapsed": ("失效", "lapsed"),
    "met_elsewhere": ("他处解决", "met elsewhere"),
    "disputes": ("异议", "disputes"),
    "disputes_open": ("未了结异议", "disputes open"),
    "appeals": ("申诉", "appeals"),
    "appeals_open": ("未裁定申诉", "appeals open"),
    "use_rate.rate": ("使用率", "use rate"),
    "match_rate.raw": ("对接率（件数）", "match rate, raw"),
    "match_rate.weighted": ("对接率（加权）", "match rate, weighted"),
    "match_rate.delivered": ("落实率", "delivered rate"),
    "days_to_match.median": ("对接天数（中位数）", "days to match, median"),
    "days_to_match.p90": ("对接天数（90 分位）", "days to match, 90th percentile"),
    "share.government": ("政府占比", "government's share"),
    "share.society": ("社会占比", "society's share"),
    "share.donor": ("爱心人士占比", "donors' share"),
    "share.organisation": ("社会组织占比", "organisations' share"),
    "share.merchant": ("网络商占比", "merchants' share"),
    "share.volunteer": ("志愿者占比", "volunteers' share"),
    "share.of_fen": ("折合金额（元）", "reference value in yuan"),
}


def write_csv(rates: Mapping[str, Any], language: str) -> str:
    """Write CSV with a byte order mark, by which spreadsheets recognise UTF-8. Withheld and unknown figures are empty cells."""
    spoken = 1 if language == "en" else 0
    file = io.StringIO()
    file.write("\ufeff")
    writer = csv.writer(file)
    writer.writerow(words[spoken] for words in HEADINGS.values())
    rows = [(part, row, row.get("region", rates["region"])) for part, row in _rows(rates)]
    names = {"": COUNTRY[spoken]} | regions.find_names({region for _, _, region in rows})
    for part, row, region in rows:
        first = {
            "part": PARTS[part][spoken],
            "region": region,
            "region_name": names.get(region, ""),
            "start": row.get("start", row.get("since", rates["since"])),
        }
        writer.writerow(escape_formula(first[name] if name in first else _figure_of(row, name)) for name in HEADINGS)
    return file.getvalue()


def escape_formula(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _rows(rates: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part in PARTS:
        found = rates[part]
        yield from ((part, row) for row in (found if isinstance(found, list) else [found]))


def _figure_of(row: Mapping[str, Any], name: str) -> Any:
    outer, _, inner = name.partition(".")
    found = row.get(outer)
    value = found[inner] if inner and found is not None else found
    return value / 100 if name == "share.of_fen" and value is not None else value
