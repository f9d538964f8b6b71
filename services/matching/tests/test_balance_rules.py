"""Rules for the balance, without a database."""

import pytest

from matching.balance.rules import classify_supply


@pytest.mark.parametrize(
    ("waiting", "reaching", "standing"), [(10, 9, "wanting"), (10, 10, "covered"), (1, 100, "covered"), (0, 100, "quiet"), (0, 0, "quiet")]
)
def test_supply_compares_waiting_with_reaching_units(waiting: int, reaching: int, standing: str) -> None:
    assert classify_supply(waiting, reaching) == standing
