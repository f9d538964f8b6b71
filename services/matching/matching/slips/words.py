"""Readable quantities: 50 公斤大米, 50 kg of rice."""

import tomllib
from functools import cache
from importlib.resources import files


def format_amount(quantity: int, unit: str, category: str, language: str) -> str:
    """Format a quantity in `zh-CN` or `en`. Money is counted in fen and shown in yuan; codes without a name are shown as they are."""
    zh, en = _labels()["categories"].get(category, [category] * 2)
    item = zh if language == "zh-CN" else en if en[:2].isupper() else en[:1].lower() + en[1:]
    number = f"{quantity / 100:,.2f}" if unit == "fen" else f"{quantity:,}"
    forms = _labels()["units"].get(unit, [f"{{n}} {unit} {{item}}"] * 3)
    form = forms[0] if language == "zh-CN" else forms[1] if quantity == 1 else forms[2]
    return form.format(n=number, item=item)


@cache
def _labels() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files("matching.slips").joinpath("labels.toml").read_text("utf-8"))
