"""The committed documents are those that the applications describe. `make lint` compares them too; mutants are tried on this file."""

import json
from pathlib import Path

import pytest

from deploy import openapi
from deploy.services import services

DOCUMENTS = Path(__file__).parents[2] / "docs" / "api"


@pytest.mark.parametrize("service", [one.name for one in services().values() if one.answers])
def test_document_of_a_service_is_the_committed_one(service: str) -> None:
    committed = DOCUMENTS / f"{service}.openapi.json"
    assert openapi.document_of(service) == json.loads(committed.read_text("utf-8"))
