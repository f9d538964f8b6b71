"""Examples in the documents are true: each region in them exists."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import regions

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "docs" / "api").glob("*.json"))
EXAMPLES = sorted((Path(contracts.__file__).parents[1] / "examples").glob("*/*.json"))


def regions_in(node: Any, name: str = "") -> Iterator[str]:
    """The example regions of a document: of fields and parameters named `region`, and in whole examples."""
    if isinstance(node, list):
        for one in node:
            yield from regions_in(one, name)
    elif isinstance(node, dict):
        if name == "region":
            yield from (example for example in [node.get("example"), *node.get("examples", [])] if isinstance(example, str))
        for key, value in node.items():
            if key == "region" and isinstance(value, str):
                yield value
            else:
                yield from regions_in(value, node["name"] if key == "schema" and "in" in node else key)


def test_regions_are_found_in_fields_parameters_and_examples() -> None:
    parameter = {"name": "region", "in": "query", "schema": {"type": "string", "example": "51"}}
    field = {"properties": {"region": {"type": "string", "examples": ["5109"]}, "unit": {"example": "kg"}}}
    whole = {"examples": [{"payload": {"region": "510903", "category": "food.rice"}}]}
    assert list(regions_in({"parameters": [parameter], "schemas": [field], "messages": whole})) == ["51", "5109", "510903"]


@pytest.mark.parametrize("path", [*DOCUMENTS, *EXAMPLES], ids=lambda path: path.name)
def test_every_example_region_exists(path: Path) -> None:
    assert [code for code in regions_in(json.loads(path.read_text())) if not regions.known(code)] == []


def test_documents_of_the_house_hold_example_regions() -> None:
    found = {path.name: list(regions_in(json.loads(path.read_text()))) for path in DOCUMENTS}
    assert all(len(found[name]) > 5 for name in ("openapi.json", "asyncapi.json"))
