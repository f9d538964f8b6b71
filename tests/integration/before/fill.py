"""Fills the databases of a release with its own code, and writes their rows down for the test of the upgrade.

`PYTHONPATH=<tree of the release and its packages> python fill.py <folder>` wrote `users.sql`, `needs.sql`, `matching.sql` and
`facts.json` with the code of 9eeae08, the last one before accounts had proven phones. The people, phones and keys are invented.
"""

import json
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

KEYS = {"SEAL_KEYS": "c2VhbGluZyBrZXkgb2YgdGhlIGhvdXNlIGJlZm9yZSE=", "FINGERPRINT_KEY": "a key of the house before"}
os.environ.update(KEYS, PUBLIC_URL="https://duijie.example.org")

from stdnum.cn import ric  # noqa: E402

from chassis.data.database import Database  # noqa: E402
from chassis.http.app import create_app  # noqa: E402
from chassis.messaging import outbox  # noqa: E402
from chassis.messaging.events import handlers_of  # noqa: E402
from chassis.testing import postgres  # noqa: E402
from chassis.testing.fixtures import Client, KnownKeys, Person  # noqa: E402
from chassis.testing.templates import create_migrated  # noqa: E402

SERVICES = ("users", "needs", "matching")
PASSWORD = "tian-dao 酬勤"
CITY, TOWNSHIP, VILLAGE = "5109", "510903001", "510903001001"
SHIPPED = {"regions", "region_aliases", "region_spellings", "alembic_version", "chassis_version"}
"""Tables that migrations fill."""


class House:
    """The services of one release, with events carried from one to the others."""

    def __init__(self, server: postgres.Postgres) -> None:
        keys = KnownKeys()
        self.databases = {name: Database(create_migrated(server, name, name), name="before") for name in SERVICES}
        apps = {name: create_app(name, import_module(f"{name}.api").api, database=self.databases[name], keys=keys) for name in SERVICES}
        self.clients = {name: Client(app.test_client(), keys) for name, app in apps.items()}
        self.carried: set[str] = set()

    def carry(self) -> None:
        """Hand every event to those who listen to it, until there is no new one."""
        while events := [
            event
            for database in self.databases.values()
            for event in self._pending(database)
            if f"{type(event).__name__} {event.subject} {event.version}" not in self.carried
        ]:
            for event in events:
                self.carried.add(f"{type(event).__name__} {event.subject} {event.version}")
                for name, database in self.databases.items():
                    worker = import_module(f"{name}.worker").Worker
                    for handler in handlers_of(worker):
                        if handler.subscription.event is type(event):
                            with database.begin() as session:
                                handler.list_handler(getattr(worker(), handler.method))(session, [event])

    def _pending(self, database: Database) -> list[Any]:
        with database.begin() as session:
            return outbox.pending(session)

    def post(self, service: str, path: str, body: Any = None, by: Person | None = None) -> Any:
        answer = self.clients[service].post(path, body, by=by)
        assert answer.status_code in {200, 201, 202}, (path, answer.text)
        self.carry()
        return answer.json


def fill(house: House) -> dict[str, Any]:
    """Let people register, sign in, be appointed, post, pledge and accept; return what the test has to know."""
    phones = iter(f"1380013{number:04}" for number in range(100))
    facts: dict[str, Any] = {"password": PASSWORD, "keys": KEYS, "people": {}, "sessions": {}, "matches": {}}

    def person(name: str, identifier: str, kind: str, phone: str) -> Person:
        found = Person(kind)
        found.id = UUID(identifier)
        facts["people"][name] = {"id": identifier, "kind": kind, "phone": phone}
        return found

    def register(name: str, kind: str) -> Person:
        phone = next(phones)
        account = {"kind": kind, "phone": phone, "name": "冯知微", "password": PASSWORD, "region": CITY}
        return person(name, house.post("users", "/v1/accounts", account)["id"], kind, phone)

    from users.appoint_first import appoint_first

    with tempfile.TemporaryDirectory() as folder, house.databases["users"].begin() as session:
        secret = Path(folder, "password")
        secret.write_text(PASSWORD, "utf-8")
        phone = next(phones)
        first = appoint_first(session, {"phone": phone, "name": "韩行远", "region": CITY}, secret)
        city = person("city", str(first.account_id), "staff", phone)
    house.carry()
    town, agent, dismissed = register("town", "staff"), register("agent", "staff"), register("dismissed", "staff")
    for by, who, region in ((city, town, TOWNSHIP), (town, agent, VILLAGE), (city, dismissed, CITY + "03")):
        appointment = house.post("users", "/v1/appointments", {"account_id": str(who.id), "region": region}, by)
    house.post("users", f"/v1/appointments/{appointment['id']}/dismissal", {}, city)
    givers = {kind: register(kind, kind) for kind in ("donor", "organisation", "merchant", "volunteer")}
    phone = next(phones)
    body = {"name": "欧阳守田", "region": VILLAGE, "phone": phone, "password": PASSWORD}
    body["national_id"] = "51090319480312001" + ric.calc_check_digit("51090319480312001" + "0")
    household = house.post("users", "/v1/households", body, agent)
    person("household", household["account_id"], "household", phone)
    for name in ("donor", "organisation", "merchant", "town", "household"):
        sign_in = {"phone": facts["people"][name]["phone"], "password": PASSWORD}
        facts["sessions"][name] = house.post("users", "/v1/sessions", sign_in)["refresh_token"]
    again = {"refresh_token": facts["sessions"]["organisation"]}
    facts["sessions"]["organisation"] = house.post("users", "/v1/sessions/refresh", again)["refresh_token"]
    house.clients["users"].post("/v1/sessions/end", {"refresh_token": facts["sessions"]["merchant"]})
    for state, giver in {"proposed": "donor", "accepted": "organisation", "sent": "merchant"}.items():
        facts["matches"][state] = {"giver": giver} | match_up(house, state, givers[giver], household["id"], agent, town)
    return facts


def match_up(house: House, state: str, giver: Person, household_id: str, agent: Person, town: Person) -> dict[str, str]:
    """Let a need and a pledge meet, and bring the match into the state."""
    from matching.clearing import actions as clearing

    item, unit = {"proposed": ("food.rice", "kg"), "accepted": ("food.oil", "l"), "sent": ("food.flour", "kg")}[state]
    until = (datetime.now(UTC) + timedelta(days=60)).isoformat()
    house.post("needs", "/v1/pledges", {"category": item, "unit": unit, "quantity": 5, "region": CITY, "valid_until": until}, giver)
    need = {"household_id": household_id, "consent": "slip", "category": item, "quantity": 5, "reason": "家中断粮"}
    posted = house.post("needs", "/v1/needs", need, agent)
    house.post("needs", f"/v1/needs/{posted['id']}/verification", {}, town)
    with house.databases["matching"].begin() as session:
        assert clearing.clear(session, timedelta(days=3)).proposals == 1
    house.carry()
    [match] = [one for one in house.clients["matching"].get("/v1/matches", by=giver).json["items"] if one["state"] == "proposed"]
    if state != "proposed":
        house.post("matching", f"/v1/matches/{match['id']}/acceptance", {}, giver)
    if state == "sent":
        house.post("matching", f"/v1/matches/{match['id']}/sending", {"carrier": "in_person"}, giver)
    return {"id": match["id"], "need_id": posted["id"]}


def write_rows(database: Database, path: Path) -> None:
    """Write the rows of every table that migrations do not fill, as COPY reads them."""
    with database.engine.connect() as connection, path.open("wb") as file:
        cursor: Any = connection.connection.cursor()
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
        )
        for (table,) in cursor.fetchall():
            rows = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            if table in SHIPPED or not rows:
                continue
            named = cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                f" WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
            ).fetchone()[0]
            file.write(f"COPY {table} ({named}) FROM STDIN\n".encode())
            with cursor.copy(f"COPY {table} ({named}) TO STDOUT") as copy:
                for block in copy:
                    file.write(bytes(block))
            file.write(b"\\.\n")


def main() -> None:
    folder = Path(sys.argv[1])
    with postgres.start(durable=False) as server:
        house = House(server)
        facts = fill(house)
        facts["written_at"] = datetime.now(UTC).isoformat()
        for name, database in house.databases.items():
            write_rows(database, folder / f"{name}.sql")
            with database.engine.connect() as connection:
                cursor: Any = connection.connection.cursor()
                versions = [
                    cursor.execute(f"SELECT version_num FROM {table}").fetchone()[0] for table in ("chassis_version", "alembic_version")
                ]
                facts.setdefault("revisions", {})[name] = versions
            database.close()
        (folder / "facts.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
