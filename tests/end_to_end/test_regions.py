"""A village gets another code: its household, need, match, figures and administrator follow in every service."""

import json
from typing import Any

from deploy.local.client import ApiClient
from deploy.local.sandbox import national_id

from .conftest import World
from .test_rates import rates
from .test_story import TOWN, Cast, eventually, pledge, proposed, published

NEW = TOWN + "999"


def import_successor(world: World, code: str, successor: str) -> dict[str, Any]:
    table = world.folder / "regions.csv"
    table.write_text(
        f"code,name,valid_from,valid_until,successors\n{code},旧村委会,,2026-01-01,{successor}\n{successor},新村委会,2026-01-01,,\n",
        "utf-8",
    )
    report: dict[str, Any] = json.loads(world.command("users.import_regions", str(table)))
    return report


def region_of(who: ApiClient, path: str) -> str:
    return str(who.get(path)["region"])


def test_rows_of_every_service_follow_a_village_to_its_successor(world: World) -> None:
    cast = Cast(world)
    before = eventually(lambda: rates(cast.town))["figures"]["needs"]
    cast.donor.post("/v1/pledges", pledge(category="medical.gown", quantity=4))
    need = published(cast, category="medical.gown", quantity=4)
    match = proposed(cast.donor, need)
    eventually(lambda: rates(cast.town)["figures"]["needs"] == before + 1)
    household = f"/v1/households/{need['household_id']}"
    report = import_successor(world, cast.village_code, NEW)
    assert (report["is_imported"], report["counts"]["moved"]) == (True, 1)
    for path in (household, f"/v1/needs/{need['id']}", f"/v1/matches/{match['id']}"):
        eventually(lambda path=path: region_of(cast.village, path) == NEW, 60)  # type: ignore[misc]
    eventually(lambda: NEW in [one["region"] for one in rates(cast.town)["ranking"] if one["needs"]], 60)
    assert rates(cast.town)["figures"]["needs"] == before + 1
    made = cast.village.post(
        "/v1/households", {"name": "某户", "national_id": national_id(next(cast.numbers), TOWN), "region": cast.village_code}
    )
    assert made["region"] == NEW
    assert [one["asked"] for one in world.client().get("/v1/regions", codes=f"{cast.village_code},{NEW}")["items"]] == [
        [cast.village_code, NEW]
    ]
