"""Every operation, called by everybody: who is not named in the table is refused, and nobody reads of another village."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import true

from chassis.http.auth import Caller
from chassis.testing.campaigns import WHOLE
from chassis.testing.twins import unguarded
from deploy.services import services
from tests.access.matrix import TABLE, Matrix
from tests.fuzz.stage import Stage

DOCUMENTS = Path(__file__).parents[2] / "docs" / "api"


@pytest.mark.timeout(3000)
def test_everybody_the_table_does_not_name_is_refused(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    with stage.database.case():
        matrix = Matrix(stage, WHOLE)
        matrix.check_all()
    with capsys.disabled():
        print("\n" + json.dumps(figures(matrix, time.monotonic() - started)))
    assert "\n".join(matrix.faults) == ""
    assert not WHOLE or set(matrix.operations) - matrix.carried_out == set()


def figures(matrix: Matrix, seconds: float) -> dict[str, Any]:
    return {
        "access": matrix.stage.service,
        "requests": matrix.sent,
        "operations": len(matrix.operations),
        "callers": len(matrix.came),
        "of_callers": len(matrix.callers),
        "carried_out": len(matrix.carried_out),
        "statuses": dict(sorted(matrix.answers.items())),
        "faults": len(matrix.faults),
        "seconds": round(seconds, 1),
    }


@pytest.mark.timeout(3000)
def test_nobody_reads_of_another_village(stage: Stage) -> None:
    if stage.service == "matching" and not WHOLE:
        pytest.skip("the book of a second village takes seconds")
    with stage.database.case():
        matrix = Matrix(stage, WHOLE)
        matrix.clear_waiting()
        before, of_country = matrix.read_everything(), matrix.read_lists("country")
        matrix.settle_elsewhere()
        after = matrix.read_everything()
        assert {name for name, answer in before.items() if after[name] != answer} == set()
        # The comparison notices things of the other village: whoever is above both reads of both.
        assert stage.service in {"insight", "notify"} or matrix.read_lists("country") != of_country


def test_every_operation_has_one_row_in_the_table() -> None:
    documents = [json.loads((DOCUMENTS / f"{name}.openapi.json").read_text()) for name, service in services().items() if service.answers]
    answered = {
        operation["operationId"]
        for document in documents
        for methods in document["paths"].values()
        for operation in methods.values()
        if "x-who" in operation and "x-same-as" not in operation
    }
    assert answered - TABLE.keys() == set(), "without a row"
    assert TABLE.keys() - answered == set(), "rows of no operation"


REGIONS = ("manages", lambda caller, region: caller.kind == "staff")
FACTOR = ("needs_second_factor", False)
ROWS = ("within", lambda caller, column: true())


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "guard", [unguarded(REGIONS, "any administrator manages everything"), unguarded(FACTOR, "acts above the village need nothing")]
)
@pytest.mark.parametrize("stage", ["needs"], indirect=True)
def test_access_without_a_guard(stage: Stage, monkeypatch: pytest.MonkeyPatch, guard: tuple[str, Any]) -> None:
    monkeypatch.setattr(Caller, *guard)
    with stage.database.case():
        # Everybody tries a few acts: which callers a short run of all operations picks depends on how many operations there are.
        matrix = Matrix(stage, whole=True)
        matrix.operations = {name: matrix.operations[name] for name in ("close_need", "set_limits")}
        matrix.check_all()
    assert "\n".join(matrix.faults) == ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("guard", [unguarded(ROWS, "lists show every region")])
@pytest.mark.parametrize("stage", ["needs"], indirect=True)
def test_lists_without_a_guard(stage: Stage, monkeypatch: pytest.MonkeyPatch, guard: tuple[str, Any]) -> None:
    monkeypatch.setattr(Caller, *guard)
    test_nobody_reads_of_another_village(stage)
