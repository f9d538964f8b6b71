"""Pictures of the pages, for people to look at: `PICTURES=docs/figures/pages python -m pytest tests/pages/test_pictures.py`."""

import os
from pathlib import Path

import pytest

from .conftest import DESKTOP, PHONE, Sandbox, Visits

GIVER, VILLAGE, TOWNSHIP, COUNTY = "13700000001", "13900000005", "13900000004", "13900000003"
PAGES = [
    ("hall", None, "/"),
    ("how", None, "/how"),
    ("regions", None, "/regions/51"),
    ("register", None, "/account/register"),
    ("give", GIVER, "/give"),
    ("pledge", GIVER, "/give/new"),
    ("village", VILLAGE, "/village"),
    ("post", VILLAGE, "/village/post"),
    ("households", VILLAGE, "/village/households"),
    ("needs", TOWNSHIP, "/county/needs"),
    ("county", COUNTY, "/county"),
    ("figures", COUNTY, "/county/figures"),
]


@pytest.mark.skipif("PICTURES" not in os.environ, reason="pictures are taken when PICTURES names a folder")
@pytest.mark.parametrize(("size", "device"), [(PHONE, "phone"), (DESKTOP, "desktop")])
def test_each_page_is_pictured(visit: Visits, sandbox: Sandbox, size: dict[str, int], device: str) -> None:
    folder = Path(os.environ["PICTURES"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, phone, path in PAGES:
        visitor = visit(phone, size=size)
        visitor.open(path).wait_for_timeout(1200)
        visitor.page.screenshot(path=folder / f"{name}-{device}.png")
        visitor.context.close()
    match = next(one for one in sandbox.client(GIVER).get("/v1/matches")["items"])
    visitor = visit(GIVER, size=size)
    visitor.open(f"/give/matches/{match['id']}").wait_for_timeout(1200)
    visitor.page.screenshot(path=folder / f"match-{device}.png")
