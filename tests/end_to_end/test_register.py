"""A crooked roll becomes a register, and one of its households gets help: from the table to the door that is shut, and what dumps show."""

import csv
import io
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pypdf import PdfReader

from chassis.testing.campaigns import WHOLE
from chassis.testing.dumps import dump, find_readable
from chassis.testing.postgres import keys_role, url_of
from deploy.local.client import ApiClient
from deploy.services import services

from .conftest import World
from .rolls import CHOSEN, REFUSED, Roll, write_doubled_heading, write_roll
from .sinks import SHIPPED
from .test_story import PASSWORD, POINT, TOWN, Cast, eventually, is_shut, phone, pledge, proposed, refusal

HOUSEHOLDS = 1_000 if WHOLE else 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GIVER, REASON, NOTE, THANKS = "呼延霁月", "灶屋漏雨，两床铺盖都湿透了", "自家弹的棉絮，新里新面", "娃儿夜里不再喊冷了"
COMPLETED, LOOK, PARCEL = "补记老井台旁的新门牌", "核对这户去年的铺盖是否到位", "SF7730915527164"


class Play:
    """One story from the table to the door that is shut. `told` holds what nobody may read in a dump."""

    def __init__(self, world: World) -> None:
        self.cast = Cast(world)
        self.roll = Roll()
        self.giver_phone = phone()
        self.giver = world.registered(kind="donor", phone=self.giver_phone, name=GIVER, password=PASSWORD, region=TOWN[:4])
        self.household: dict[str, Any] = {}

    @property
    def told(self) -> list[str]:
        texts = [GIVER, self.giver_phone, REASON, NOTE, THANKS, COMPLETED, LOOK, PARCEL, REFUSED, PASSWORD]
        return [*self.roll.personal, *texts]

    def import_roll(self) -> None:
        """Send a table whose heading is doubtful, then the crooked roll: check it, look at what is refused, confirm it."""
        doubtful = self._checked(write_doubled_heading())
        assert (doubtful["state"], doubtful["problem"]["code"]) == ("failed", "heading_twice")
        village = self.cast.village_code
        next_village = next(one for one in self._villages() if one != village)
        self.roll = roll = write_roll(HOUSEHOLDS, village, next_village)
        checked = self._checked(roll.content)
        assert (checked["state"], checked["table"]["sheet"]) == ("checked", "名单"), checked
        assert {name: checked["found"][name] for name in ("new", "changed", "same", "doubtful", "refused")} == {
            "new": roll.good, "changed": 0, "same": 0, "doubtful": 0, "refused": len(roll.refused),
        }  # fmt: skip
        notes = {note["code"]: note["rows"] for note in checked["found"]["notes"]}
        assert (notes["phone_shared"], notes["id_lengthened"]) == (roll.shared, roll.lengthened)
        assert self._refused(checked) == roll.refused
        assert self._find("ycyq") == []
        path = f"/v1/imports/{checked['id']}"
        self.cast.town.post(f"{path}/confirmation")
        done = eventually(lambda: (one := self.cast.town.get(path))["state"] == "done" and one, 60)
        assert (done["written"]["new"], done["written"]["refused"]) == (roll.good, len(roll.refused))
        again = self._checked(roll.content)
        assert (again["found"]["same"], again["found"]["new"]) == (roll.good, 0)

    def find_household(self) -> None:
        """Let the cadre of the village find one household by the initials of its pinyin, and complete it."""
        [found] = self._find("ycyq")
        assert {name: found[name] for name in ("name", "national_id", "address")} == {
            name: self.roll.chosen[name] for name in ("name", "national_id", "address")
        }
        assert found["contact_phone"] == self.roll.chosen["phone"]
        path = f"/v1/households/{found['id']}"
        changed = self.cast.village.patch(path, {"size": 4, "reason": "completed", "note": COMPLETED}, found["version"])
        assert changed["size"] == 4
        [masked] = self.cast.town.post("/v1/households/search", {"region": TOWN, "name": "尉迟"})["items"]
        assert masked["name"] == f"{CHOSEN[:1]}**"
        self.cast.town.post(f"{path}/reveal", {"purpose": "verification", "reason": LOOK})
        [text] = self.cast.village.get("/v1/consents/texts")["items"]
        consent = {"household_id": found["id"], "purpose": "contact", "text_version": text["text_version"], "way": "slip"}
        self.cast.village.post("/v1/consents", consent)
        self.household = found

    def match_up(self, category: str) -> str:
        """Let the cadre post on behalf, the township verify, the giver pledge and accept; return the path of the match."""
        wanted = {"household_id": self.household["id"], "consent": "slip", "category": category, "quantity": 2, "reason": REASON}
        need = eventually(lambda: self.cast.village.post("/v1/needs", wanted | {"urgency": "urgent"}))
        eventually(lambda: self.cast.town.post(f"/v1/needs/{need['id']}/verification"))
        self.giver.post("/v1/pledges", pledge(category=category, quantity=2, note=NOTE))
        match_id = proposed(self.giver, need)["id"]
        assert refusal(lambda: self.giver.get(f"/v1/handovers/{match_id}")) == (404, "not_found")
        self.giver.post(f"/v1/matches/{match_id}/acceptance")
        return f"/v1/matches/{match_id}"

    def look_behind_the_door(self, path: str) -> str:
        """Let both sides see where the goods go and whom to call; return the path of the door."""
        door = f"/v1/handovers/{path.rpartition('/')[2]}"
        seen = eventually(lambda: self.giver.get(door))
        assert (seen["side"], seen["place"]["name"], seen["place"]["address"]) == ("giver", POINT["name"], POINT["address"])
        assert seen["village_contact"]["telephone"] == POINT["telephone"]
        assert seen["household_contact"] == {"name": CHOSEN, "telephone": self.roll.chosen["phone"]}
        there = self.cast.village.get(door)
        assert (there["side"], there["giver_contact"]) == ("household", {"name": GIVER, "telephone": self.giver_phone})
        assert refusal(lambda: self.cast.donor.get(door)) == (404, "not_found")
        return door

    def hand_over(self, path: str) -> None:
        """Print the label and the slip, send, and confirm the receipt with the code on the slip."""
        label = eventually(lambda: self.giver.get(f"{path}/label"))
        assert (label["recipient"], label["telephone"]) == (POINT["name"], POINT["telephone"])
        paper = self.giver._answer("GET", f"{path}/label/paper", None).content
        assert POINT["name"] in text_of(paper)
        slip = self.cast.village.file(f"{path}/slip")
        assert all(words in text_of(slip) for words in ("爱心物资交接单", "2床棉被", POINT["telephone"], label["number"].replace(" ", "")))
        assert CHOSEN not in text_of(slip) + text_of(paper)
        [address] = re.findall(rb"/URI ?\((.*?)\)", slip)
        page, _, token = address.decode().partition("#")
        guest = self.cast.world.client()
        assert "确认收到" in guest._answer("GET", page[page.index("/v1/") :], None).text
        self.giver.post(f"{path}/sending", {"carrier": "sf", "tracking_number": PARCEL})
        assert guest.post("/v1/slips", {"token": token, "quantity": 2})["state"] == "received"
        thanks = self.cast.village.post(f"{path}/thanks", {"text": THANKS})
        self.cast.town.post(f"/v1/thanks/{thanks['id']}/release")

    def auditor(self) -> ApiClient:
        """Appoint an auditor of the township, as the city does."""
        person = self.cast.registered("staff")
        wanted = {"account_id": person.get("/v1/me")["id"], "region": TOWN, "role": "auditor"}
        offered = self.cast.city.post("/v1/appointments", wanted)
        person.post(f"/v1/appointments/{offered['id']}/confirmation")
        return person

    def _villages(self) -> list[str]:
        return [one["code"] for one in self.cast.world.client().get(f"/v1/regions/{TOWN}/children")["items"]]

    def _checked(self, content: bytes) -> dict[str, Any]:
        asked = {"kind": "households", "region": TOWN}
        sent = self.cast.town.ask("POST", "/v1/imports", {"Content-Type": XLSX}, params=asked, content=content)
        path = f"/v1/imports/{sent['id']}"
        return dict(eventually(lambda: (one := self.cast.town.get(path))["state"] != "checking" and one, 60))

    def _refused(self, one: dict[str, Any]) -> list[tuple[str, str, str]]:
        listed = self.cast.town._answer("GET", f"/v1/imports/{one['id']}/refused", None).content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(listed, newline="")))
        assert all(row["问题说明"] and row["problem"] for row in rows)
        return [(row["原行号 row"], row["问题列 column"], row["问题代码 code"]) for row in rows]

    def _find(self, typed: str) -> list[dict[str, Any]]:
        found = self.cast.village.post("/v1/households/search", {"region": self.cast.village_code, "name": typed})
        return list(found["items"])


def text_of(pdf: bytes) -> str:
    [page] = PdfReader(io.BytesIO(pdf)).pages
    return "".join(page.extract_text().split())


def databases(world: World) -> dict[str, str]:
    """Return the addresses of all databases of the stack, for the operator."""
    password, port = ((world.folder / "postgres" / name).read_text().strip() for name in ("password", "ports"))
    keeping = [keys_role(name) for name, service in services().items() if service.personal_keys]
    return {name: url_of(password, port, name) for name in (*services(), *keeping)}


def let_time_pass(world: World, door: str, gone: timedelta) -> None:
    """Move a door to an earlier time, as if it had been opened longer ago."""
    moved = "UPDATE handovers SET shuts_at = shuts_at - %s WHERE match_id = %s"
    with psycopg.connect(databases(world)["users"].replace("+psycopg", ""), autocommit=True) as connection:
        assert connection.execute(moved, (gone, door.rpartition("/")[2])).rowcount == 1


@pytest.fixture(scope="module")
def play(stacked: World) -> Play:
    """The story up to the register: what follows needs a household that can be found."""
    play = Play(stacked)
    play.import_roll()
    play.find_household()
    play.cast.village.post("/v1/places", POINT | {"region": play.cast.village_code})
    return play


@pytest.mark.timeout(600)
def test_crooked_roll_leads_to_a_delivery(play: Play) -> None:
    path = play.match_up("clothing.quilt")
    door = play.look_behind_the_door(path)
    play.hand_over(path)
    assert play.cast.village.post(f"{path}/closing")["state"] == "closed"
    for side in (play.giver, play.cast.village):
        eventually(lambda side=side: is_shut(side, door))  # type: ignore[misc]
    auditor, match_id = play.auditor(), door.rpartition("/")[2]
    looks = [one for one in auditor.every("/v1/users/audit", act="get_handover") if one["subject_id"] == match_id]
    who = {person: person.get("/v1/me")["id"] for person in (play.giver, play.cast.village)}
    assert {(one["actor_id"], one["person_id"]) for one in looks} == {
        (who[play.giver], play.household["id"]),
        (who[play.giver], who[play.cast.village]),
        (who[play.cast.village], who[play.giver]),
    }
    reveals = [one for one in auditor.every("/v1/users/audit", person_id=play.household["id"]) if one["act"] == "reveal_household"]
    assert {one["actor_id"] for one in reveals} == {play.cast.town.get("/v1/me")["id"]}


@pytest.mark.timeout(600)
def test_door_is_shut_when_nobody_closes(play: Play) -> None:
    path = play.match_up("clothing.coat")
    door = play.look_behind_the_door(path)
    play.giver.post(f"{path}/sending", {"carrier": "in_person"})
    play.cast.village.post(f"{path}/receipt", {"quantity": 2})
    eventually(lambda: _shuts_in(play.giver, door) <= timedelta(days=28))
    let_time_pass(play.cast.world, door, timedelta(days=27))
    assert play.giver.get(door)
    let_time_pass(play.cast.world, door, timedelta(days=1))
    assert is_shut(play.giver, door)
    assert is_shut(play.cast.village, door)


def _shuts_in(person: ApiClient, door: str) -> timedelta:
    return datetime.fromisoformat(person.get(door)["shuts_at"]) - datetime.now(UTC)


@contextmanager
def planted(url: str, value: str) -> Iterator[None]:
    """Keep a value in a database in the clear."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE planted (kept bytea)")
        try:
            connection.execute("INSERT INTO planted VALUES (%s)", (value.encode(),))
            yield
        finally:
            connection.execute("DROP TABLE planted")


@pytest.mark.timeout(600)
def test_dump_of_all_databases_shows_nothing_personal(play: Play) -> None:
    """A mark that is planted in each database is found there, and nothing else."""
    told, mark = play.told, f"卫𠮷{secrets.token_hex(6)}"
    assert len(told) == len(set(told)) >= 14
    for name, url in databases(play.cast.world).items():
        with planted(url, mark):
            content = dump(url, SHIPPED)
        assert find_readable(content, [*told, mark]) == [mark], name
