"""The estimated value of a need in fen, by which its verification takes one step or two."""

from needs.model import Need

MONEY = "fen"


def estimate_value(need: Need) -> int | None:
    """Return the value of a need: the amount of money, or its quantity at the price that it keeps of the catalogue; None without one."""
    if need.unit == MONEY:
        return need.quantity
    price = (need.terms or {}).get("price")
    return None if price is None else price * need.quantity
