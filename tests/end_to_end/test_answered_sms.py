"""A household without an app and its giver answer by their telephones alone, over the provider's own callback."""

import time
from typing import Any

import httpx
import psycopg
import pytest

from deploy.local.client import ApiClient

from .conftest import World
from .test_story import CITY, PASSWORD, Cast, eventually, need_of, phone, pledge, proposed, refusal


class Telephone:
    """A telephone: the texts that arrived, and answers that the provider passes on with its key."""

    def __init__(self, world: World, number: str) -> None:
        self.world, self.number = world, number

    def texts(self) -> list[dict[str, Any]]:
        """Return the texts that arrived, the newest first."""
        address = f"{self.world.telephones}/sandbox/telephones.json"
        found: list[dict[str, Any]] = httpx.get(address, params={"phone": self.number}, timeout=5, trust_env=False).json()["items"]
        return found

    def gets(self, words: str, seconds: float = 60) -> dict[str, Any]:
        """Return the newest text with these words, once it arrived."""
        try:
            return eventually(lambda: next((one for one in self.texts() if words in one["text"]), None), seconds)
        except AssertionError:
            raise AssertionError(f"no text says {words}, but {[one['text'] for one in self.texts()]}") from None

    def answers(self, words: str, said: str, seconds: float = 60) -> None:
        """Answer the text with these words, twice as providers sometimes do."""
        asked = self.gets(words, seconds)
        for _ in range(2):
            assert self.sends(said, asked["extension"], int(time.time())) == (200, {"result": 0, "errmsg": "OK"})

    def sends(self, said: str, extension: str, at: int, key: str | None = None) -> tuple[int, Any]:
        path = f"/v1/messages/replies/tencent/{key or self.world.environment['SMS_REPORT_KEYS'].partition('=')[2]}"
        body = {"extend": extension, "mobile": self.number, "nationcode": "86", "sign": "对接沙盒", "text": said, "time": at}
        answer = httpx.post(f"{self.world.origin(path)}{path}", json=body, timeout=30, trust_env=False)
        return answer.status_code, answer.json()


def registered_with_telephone(cast: Cast) -> tuple[ApiClient, Telephone]:
    number = phone()
    giver = cast.world.registered(kind="donor", phone=number, name="某人", password=PASSWORD, region=CITY)
    return giver, Telephone(cast.world, number)


def near_expiry(world: World, need: dict[str, Any]) -> None:
    """Let a need expire in three days, as if most of its time had passed."""
    with psycopg.connect(world.environment["NEEDS_DATABASE_URL"].replace("+psycopg", "")) as connection:
        connection.execute("UPDATE needs SET expires_at = now() + interval '3 days' WHERE id = %s", [need["id"]])


@pytest.mark.timeout(600)
def test_household_and_giver_answer_by_telephone_alone(embedded: World) -> None:
    cast = Cast(embedded)
    giver, of_giver = registered_with_telephone(cast)
    telephone = Telephone(embedded, phone())
    household = cast.household(phone=telephone.number)
    wanted = need_of(household, consent="sms_answer", category="medical.thermometer", quantity=7)
    need = eventually(lambda: cast.village.post("/v1/needs", wanted))
    verify = f"/v1/needs/{need['id']}/verification"
    assert refusal(lambda: cast.town.post(verify)) == (422, "consent_answer_needed")

    asked = telephone.gets("村里想为您发布需求")
    stranger = Telephone(embedded, phone())
    assert telephone.sends("1", asked["extension"], 1, key="x" * 64)[0] == 404
    assert stranger.sends("1", asked["extension"], 1)[0] == 200
    assert refusal(lambda: cast.town.post(verify)) == (422, "consent_answer_needed")
    telephone.answers("村里想为您发布需求", "１。")
    telephone.gets("您的短信答复已办理：您已同意代为发布")
    eventually(lambda: cast.town.post(verify))

    giver.post("/v1/pledges", pledge(category="medical.thermometer", quantity=7))
    match = proposed(giver, need)
    of_giver.answers("愿意帮助请回复1", "1")
    of_giver.gets("您的短信答复已办理：您已接受这次对接")
    telephone.answers("接受请回复1", "什么？")
    telephone.answers("没有看懂您的回复。请只回复数字1 或 2", "好的")
    telephone.gets("您的短信答复已办理：您愿意接受这份帮助")

    near_expiry(embedded, need)
    telephone.answers("请回复3续期", "3", seconds=150)
    telephone.gets("您的短信答复已办理：需求已续期")

    giver.post(f"/v1/matches/{match['id']}/sending", {"carrier": "in_person"})
    telephone.answers("仍没有收到，请回复4", "没有收到")
    telephone.gets("您的短信答复已办理：没有收到，已交村里核实")
    [dispute] = eventually(lambda: [one for one in cast.village.every("/v1/disputes/managed") if one["match_id"] == match["id"]])
    assert (dispute["cause"], dispute["side"]) == ("not_arrived", "household")
    assert stranger.texts() == []
