"""Thousands of generated requests for each operation, answered as the document says and never with 5xx."""

import json
import time

import pytest

from chassis.testing.campaigns import WHOLE
from tests.fuzz.cases import Figures, fuzz
from tests.fuzz.stage import Stage

CASES = 5_000 if WHOLE else 60
EACH = {"users": 500, "needs": 500} if WHOLE else {}
"""The cases of every operation, for services that get more."""
LET_IN = 0.3


@pytest.mark.timeout(3000)
def test_every_operation_is_reached_and_none_breaks_its_promises(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    figures, started = Figures(), time.monotonic()
    fuzz(stage, CASES, figures, EACH.get(stage.service, 0))
    with capsys.disabled():
        print("\n" + json.dumps(said(stage.service, figures, time.monotonic() - started)))
    assert figures.failures == []
    unreached = {operation for operation, _ in figures.answers} - figures.carried_out()
    assert unreached == set()
    assert figures.cases >= CASES * 0.9
    assert figures.let_in / figures.cases >= LET_IN


def said(service: str, figures: Figures, seconds: float) -> dict[str, object]:
    return {
        "fuzz": service,
        "cases": figures.cases,
        "operations": figures.operations,
        "operations_reaching_2xx": len(figures.carried_out()),
        "let_in": round(figures.let_in / figures.cases, 3),
        "failures": len(figures.failures),
        "seconds": round(seconds),
    }
