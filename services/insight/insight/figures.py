"""Figures made of sums: counts, and rates with their denominators. For the public, figures of few people are withheld."""

from collections.abc import Mapping
from typing import Any

from insight.model import BOUNDS, GIVERS, HELPERS, OBJECTIONS

COUNTS = (
    "registered", "registered_by_then", "households", "active", "needs", "rejected", "withdrawn", "closed", "helped", "delivered",
    "matches", "refused", "lapsed", "met_elsewhere",
)  # fmt: skip
FEW = 5
SHARES_OF_NEEDS = {"median": 0.5, "p90": 0.9}
Sums = Mapping[str, int]
Figures = dict[str, Any]


def compute_figures(sums: Sums, for_public: bool) -> Figures:
    """Compute the figures of one row.

    For the public, counts from 1 to 4 are None and others are rounded to the nearest 5, so that neither one answer nor the difference
    of two shows the acts of few people. Rates are made of these counts, or rounded to hundredths. Disputes and appeals are for
    administrators alone.
    """
    shown: Figures = {name: _rounded(sums[name]) if for_public else sums[name] for name in COUNTS}
    shown |= {name: None if for_public else sums[name] for name in OBJECTIONS}
    known = None not in {shown["needs"], shown["helped"]}
    digits = 2 if for_public else 4
    return shown | {
        "use_rate": {"rate": _rate(shown["active"], shown["registered_by_then"], digits), "of": shown["registered_by_then"]},
        "match_rate": {
            "raw": _rate(shown["helped"], shown["needs"], digits),
            "weighted": _rate(sums["weight_met"], sums["weight"], digits) if known else None,
            "delivered": _rate(sums["weight_delivered"], sums["weight"], digits) if known and shown["delivered"] is not None else None,
            "of": shown["needs"],
        },
        "days_to_match": {name: _within(sums, part) if known else None for name, part in SHARES_OF_NEEDS.items()} | {"of": shown["helped"]},
        "share": _public_shares(sums, digits) if for_public else _shares(sums, digits),
    }


def compute_trend(now: Figures, before: Figures) -> dict[str, float | None]:
    """Compute the relative growth of counts and the difference of rates; None without a figure to compare with."""
    grown = {name: _growth(now[name], before[name]) for name in ("registered", "active", "needs", "helped")}
    return grown | {name: _difference(now["match_rate"][name], before["match_rate"][name]) for name in ("raw", "weighted", "delivered")}


def rank_regions(rows: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """Sort regions by their weighted rate, then by the raw one. Regions without a rate come last and have no rank."""

    def key(code: str) -> tuple[bool, float, float, str]:
        rate = rows[code]["match_rate"]
        return rate["weighted"] is None, -(rate["weighted"] or 0), -(rate["raw"] or 0), code

    ordered = sorted(rows, key=key)
    return [
        {"rank": place if rows[code]["match_rate"]["weighted"] is not None else None, "region": code, **rows[code]}
        for place, code in enumerate(ordered, start=1)
    ]


def _shares(sums: Sums, digits: int) -> Figures:
    values = {who: sums[f"value_{who}"] for who in HELPERS}
    helps = sum(values.values())
    shares = {who: _rate(value, helps, digits) for who, value in values.items()}
    return shares | {"society": _rate(helps - values["government"], helps, digits), "of_fen": helps}


def _public_shares(sums: Sums, digits: int) -> Figures:
    """Withhold all shares if few needs stand behind a side. Withhold those of all kinds of society if few stand behind one of them:
    the other kinds would reveal it as the remainder.
    """
    shares = _shares(sums, digits) | {"of_fen": None}
    few = {who for who in HELPERS if sums[f"value_{who}"] and sums[f"helped_{who}"] < FEW}
    if "government" in few or None in {_rounded(sums["helped"]), _rounded(sums["met_elsewhere"])}:
        return dict.fromkeys(shares)
    return shares | dict.fromkeys(GIVERS) if few else shares


def _rounded(count: int) -> int | None:
    return None if 0 < count < FEW else FEW * round(count / FEW)


def _rate(part: int | None, whole: int | None, digits: int) -> float | None:
    return None if part is None or not whole else round(min(part / whole, 1), digits)


def _within(sums: Sums, share: float) -> int | None:
    """Find the least bound within which that share of the helped needs had their first match."""
    if not sums["helped"]:
        return None
    return next((days for days in BOUNDS if sums[f"within_{days}"] >= share * sums["helped"]), None)


def _growth(now: int | None, before: int | None) -> float | None:
    return None if now is None or not before else round(now / before - 1, 4)


def _difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else round(now - before, 4)
