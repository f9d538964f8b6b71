"""Fills the register of a release with its own code, and writes its rows down for the test of the upgrade.

`PYTHONPATH=<tree of the release and its packages> python fill_register.py <folder>` wrote `register/users.sql` and `register/facts.json`
with the code of e3de0a78, the last one before each person had a key. The people, phones, numbers and keys are invented.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from fill import KEYS, write_rows
from stdnum.cn import ric

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing import postgres
from chassis.testing.fixtures import Client, KnownKeys, Person, administrator_of
from chassis.testing.templates import create_migrated

VILLAGE, OTHER, TOWNSHIP = "510903001001", "510903001002", "510903001"
SHARED, NOTE = "13800130777", "入户时所记"


def national_id(born: str, number: int) -> str:
    digits = f"510903{born}{number:03}"
    return digits + str(ric.calc_check_digit(digits + "0"))


class Register:
    """The register of one release, as its village administrators fill it."""

    def __init__(self, client: Client, village: Person, town: Person) -> None:
        self._client, self._village, self._town = client, village, town
        self.households: list[dict[str, Any]] = []

    def post(self, path: str, body: Any, by: Person | None = None) -> Any:
        answer = self._client.post(path, body, by=by or self._village)
        assert answer.status_code in {200, 201}, (path, answer.text)
        return answer.json

    def household(self, name: str, number: str, **more: Any) -> str:
        made = self.post("/v1/households", {"name": name, "national_id": number, "region": VILLAGE, **more})
        known = {"id": made["id"], "name": name, "national_id": number, "region": VILLAGE, "ended": False, "members": []}
        self.households.append(known | {"phone": more.get("phone"), "address": more.get("address")})
        return str(made["id"])

    def member(self, name: str, **more: Any) -> None:
        """Add a member to the household that was entered last."""
        known = self.households[-1]
        self.post(f"/v1/households/{known['id']}/members", {"name": name, **more})
        known["members"].append({"name": name, "national_id": more.get("national_id")})

    def change(self, path: str, body: Any, by: Person | None = None, **known: Any) -> None:
        """Change the household that was entered last; `known` is what holds of it from then on."""
        self.post(f"/v1/households/{self.households[-1]['id']}/{path}", body, by)
        self.households[-1].update(known)


def fill(register: Register) -> list[dict[str, Any]]:
    """Enter households of every kind; return what the test has to find again."""
    register.household("欧阳守田", national_id("19480312", 1), phone="13800130001", address="一组 12 号", size=3)
    register.member("欧阳麦青", relation="grandchild", national_id=national_id("20160901", 2), student=True, guardian_consent="slip")
    register.member("余桂兰", relation="spouse", sex="female", born="1950-05-04", patient=True, note=NOTE)
    register.household("冯知微", national_id("19610108", 3), phone=SHARED, address="二组", size=1)
    register.household("韩行远", national_id("19551120", 4), phone=SHARED, phone_kind="neighbour")
    register.household("顾南枝", national_id("19700630", 5))
    register.household("陆行舟", national_id("19440215", 6), phone="0825-2223344")
    register.change("move", {"to_region": OTHER, "reason": "relocated"}, register._town, region=OTHER)
    register.household("沈月明", national_id("19390809", 7), phone="13800130005", size=2)
    head = {"name": "沈清和", "national_id": national_id("19650401", 8), "reason": "died", "note": NOTE}
    register.change("head", head, name=head["name"], national_id=head["national_id"])
    register.household("萧望舒", national_id("19521212", 9), phone="13800130006")
    register.change("end", {"reason": "died", "note": NOTE}, ended=True)
    register.household("白居安", national_id("19800101", 10), phone="13800130007", address="三组")
    register.change("labels", {"label": "marginal", "reason": "illness", "note": NOTE})
    return register.households


def main() -> None:
    folder = Path(sys.argv[1])
    with postgres.start(durable=False) as server:
        database, keys = Database(create_migrated(server, "users", "users"), name="before"), KnownKeys()
        client = Client(create_app("users", import_module("users.api").api, database=database, keys=keys).test_client(), keys)
        register = Register(client, administrator_of(database, VILLAGE), administrator_of(database, TOWNSHIP))
        facts: dict[str, Any] = {"keys": KEYS, "households": fill(register)}
        school = {"kind": "school", "name": "第一村小学", "region": VILLAGE, "address": "村口", "telephone": "0825-2223355"}
        facts["institution"] = register.post("/v1/institutions", school) | {"allowed": []}
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        helps = [{"kind": "goods", "description": "送去两袋米"}]
        visit = {"household_id": facts["households"][0]["id"], "visited_on": yesterday, "note": NOTE, "help": helps}
        register.post("/v1/household-visits", visit)
        facts["written_at"] = datetime.now(UTC).isoformat()
        write_rows(database, folder / "users.sql")
        with database.engine.connect() as connection:
            cursor: Any = connection.connection.cursor()
            versions = [cursor.execute(f"SELECT version_num FROM {name}").fetchone()[0] for name in ("chassis_version", "alembic_version")]
        facts["revisions"] = {"users": versions}
        database.close()
    (folder / "facts.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
