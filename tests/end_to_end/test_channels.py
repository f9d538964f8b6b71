"""One need's story on every channel. A household without an app and its giver answer by SMS alone; quiet hours and digests hold."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, sync_playwright
from standardwebhooks import Webhook

from deploy.local.channels import connect_giver, receivers_at
from deploy.local.client import ApiClient

from .conftest import World
from .test_story import CITY, PASSWORD, TOWN, Cast, eventually, need_of, notices, phone, pledge, proposed, refusal

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ROOT / ".venv/chromium/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>通知</title><ul id="heard"></ul><script>
const headers = async () => ({{ Authorization: "{token}", "Content-Type": "application/json" }});
{code}
hear(["ready", "notice"], (name, data) => {{
  const line = document.createElement("li");
  line.textContent = name === "notice" ? data.title : name;
  heard.append(line);
}});
</script></html>"""
ITEM = {"category": "medical.thermometer", "quantity": 7}


class Outbox:
    """Everything that left the house, as the sandbox's providers and receivers got it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.receivers = receivers_at(world.environment)

    def read(self, **only: str) -> Any:
        return httpx.get(f"{self.world.telephones}/sandbox/telephones.json", params=only, timeout=5, trust_env=False).json()

    def letters(self, channel: str, to: str | None = None) -> list[dict[str, Any]]:
        """Return what arrived over a channel, the newest first."""
        return [one for one in self.read()["letters"] if one["channel"] == channel and to in {None, one["to"]}]

    def gets(self, channel: str, words: str, to: str | None = None) -> dict[str, Any]:
        """Return the newest letter with these words, once it arrived."""
        return eventually(lambda: next((one for one in self.letters(channel, to) if words in one["title"] + one["text"]), None))

    def mail(self, words: str, **only: str) -> dict[str, Any]:
        return eventually(lambda: next((one for one in self.read(**only)["mails"] if words in one["subject"]), None))


class Telephone:
    """A telephone: the texts that arrived, and answers that the provider passes on with its key."""

    def __init__(self, world: World, number: str) -> None:
        self.world, self.number = world, number

    def texts(self) -> list[dict[str, Any]]:
        """Return the texts that arrived, the newest first."""
        found: list[dict[str, Any]] = Outbox(self.world).read(phone=self.number)["items"]
        return found

    def gets(self, words: str) -> dict[str, Any]:
        """Return the newest text with these words, once it arrived."""
        try:
            return eventually(lambda: next((one for one in self.texts() if words in one["text"]), None), 60)
        except AssertionError:
            raise AssertionError(f"no text says {words}, but {[one['text'] for one in self.texts()]}") from None

    def answers(self, words: str, said: str) -> None:
        """Answer the text with these words, twice as providers sometimes do."""
        asked = self.gets(words)
        for _ in range(2):
            assert self.sends(said, asked["extension"], int(time.time())) == (200, {"result": 0, "errmsg": "OK"})

    def sends(self, said: str, extension: str, at: int, key: str | None = None) -> tuple[int, Any]:
        path = f"/v1/messages/replies/tencent/{key or self.world.environment['SMS_REPORT_KEYS'].partition('=')[2]}"
        body = {"extend": extension, "mobile": self.number, "nationcode": "86", "sign": "对接沙盒", "text": said, "time": at}
        answer = httpx.post(f"{self.world.origin(path)}{path}", json=body, timeout=30, trust_env=False)
        return answer.status_code, answer.json()


class Giver:
    """An organisation that hears on every channel: app, SMS, mail, browser, WeChat, webhook."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world, self.outbox = world, outbox
        self.telephone = Telephone(world, phone())
        self.name = f"giver-{self.telephone.number}"
        said = {"phone": self.telephone.number, "name": "某单位", "password": PASSWORD, "region": CITY}
        self.client = world.registered(kind="organisation", **said)
        self.id: str = self.client.get("/v1/me")["id"]

    def connects(self) -> None:
        """Connect every channel outside of the app."""
        address = f"{self.name}@example.org"
        asked = self.client.post("/v1/me/email-changes", {"email": address})["id"]
        code = re.findall(r"[0-9]{6}", self.outbox.mail("验证码", email=address)["text"])[0]
        self.client.post(f"/v1/me/email-changes/{asked}/proof", {"code": code})
        connect_giver(self.client, self.world.environment, self.name)
        eventually(lambda: self.client.get("/v1/wechat-link")["linked_at"])
        self.secret = proven(self.client, self.outbox, self.name, channel="webhook", address="/hooks/", kinds=["match_proposed"])

    def rests(self, *, now: bool) -> None:
        """Choose quiet hours that hold now, for urgent notices too; or none."""
        clock = datetime.now(ZoneInfo("Asia/Shanghai"))
        hours = {"since": f"{clock - timedelta(hours=2):%H:%M}", "until": f"{clock + timedelta(hours=4):%H:%M}"}
        chosen = {name: self.client.get("/v1/notices/preferences")[name] for name in ("channels", "time_zone", "sms_per_day", "digest")}
        self.client.put("/v1/notices/preferences", chosen | {"urgent_passes": not now, "quiet_hours": hours if now else None})


def proven(holder: ApiClient, outbox: Outbox, name: str, address: str, **wanted: Any) -> str | None:
    """Register an endpoint and prove it by the code that a test brings there; return the secret of a webhook."""
    made = holder.post("/v1/endpoints", wanted | {"name": "某处", "address": f"{outbox.receivers}{address}{name}"})
    said = outbox.gets(wanted["channel"], "测试消息", name)
    holder.post(f"/v1/endpoints/{made['id']}/proof", {"code": re.findall(r"验证码 ([A-Z0-9]{8})", said["text"])[0]})
    secret: str | None = made.get("secret")
    return secret


def hurry(world: World, name: str, which: str, *given: Any) -> None:
    """Let the time of some rows of `service.table` come: hours and days that a test cannot wait for."""
    service, table = name.split(".")
    with psycopg.connect(world.environment[f"{service.upper()}_DATABASE_URL"].replace("+psycopg", "")) as connection:
        connection.execute(f"UPDATE {table} SET {which}", given)
        connection.execute("SELECT pg_notify('messages', '')")


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(locale="zh-CN")
        browser.close()


def listen(page: Page, world: World, listener: ApiClient) -> None:
    """Open the stream of somebody in the browser, with the code of the documentation."""
    [code] = re.findall(r"```js\n(.*?)```", (ROOT / "docs/streams.md").read_text("utf-8"), re.DOTALL)
    written = PAGE.format(token=f"Bearer {listener.token}", code=code)
    page.route("**/page", lambda route: route.fulfill(body=written, content_type="text/html"))
    page.goto(f"{world.origin('/')}/page")
    page.get_by_text("ready", exact=True).wait_for()


@pytest.mark.timeout(600)
def test_one_need_s_story_reaches_every_channel(embedded: World, page: Page) -> None:
    outbox, cast = Outbox(embedded), Cast(embedded)
    giver, telephone, stranger = Giver(embedded, outbox), Telephone(embedded, phone()), Telephone(embedded, phone())
    giver.connects()
    giver.rests(now=True)
    bot = f"key-of-{telephone.number}"
    proven(cast.town, outbox, bot, channel="wecom", address="/cgi-bin/webhook/send?key=", region=TOWN, kinds=["need_posted"])
    listen(page, embedded, giver.client)

    # The household agrees by its own telephone, and nobody else can for it.
    household = cast.household(phone=telephone.number)
    need = eventually(lambda: cast.village.post("/v1/needs", need_of(household, consent="sms_answer", **ITEM)))
    verify = f"/v1/needs/{need['id']}/verification"
    asked = telephone.gets("村里想为您发布需求")
    assert telephone.sends("1", asked["extension"], 1, key="x" * 64)[0] == 404
    assert stranger.sends("1", asked["extension"], 1)[0] == 200
    assert refusal(lambda: cast.town.post(verify)) == (422, "consent_answer_needed")
    telephone.answers("村里想为您发布需求", "１。")
    telephone.gets("您的短信答复已办理：您已同意代为发布")
    hurry(embedded, "notify.messages", "due_at = now() WHERE channel = 'wecom' AND settled_at IS NULL")
    outbox.gets("wecom", "有需求待您审核", bot)
    eventually(lambda: cast.town.post(verify))

    # The giver's night: app, stream and their own system hear at once; telephone, browser and WeChat after it.
    giver.client.post("/v1/pledges", pledge(**ITEM))
    match = proposed(giver.client, need)
    page.get_by_text("有人需要您的帮助", exact=True).wait_for()
    assert "match_proposed" in notices(giver.client, match["id"])
    hooked = outbox.gets("webhook", "有人需要您的帮助", giver.name)
    assert Webhook(str(giver.secret)).verify(hooked["text"], hooked["headers"])["data"]["about"] == match["id"]
    night = giver.telephone.texts() + outbox.letters("push", giver.name)
    assert [one for one in night if "验证码" not in one["text"]] == []
    giver.rests(now=False)
    hurry(embedded, "notify.messages", "due_at = now() WHERE recipient_id = %s AND reason = 'quiet_hours'", giver.id)
    assert outbox.gets("push", "建议对接", giver.name)["text"] == "请打开对接平台查看。"
    outbox.gets("wechat", "建议对接")

    # Both accept by SMS.
    giver.telephone.answers("愿意帮助请回复1", "1")
    giver.telephone.gets("您的短信答复已办理：您已接受这次对接")
    telephone.answers("接受请回复1", "什么？")
    telephone.answers("没有看懂您的回复。请只回复数字1 或 2", "好的")
    telephone.gets("您的短信答复已办理：您愿意接受这份帮助")

    # It renews, and says that nothing arrived.
    hurry(embedded, "needs.needs", "expires_at = now() + interval '3 days' WHERE id = %s", need["id"])
    embedded.command("deploy.local.expiry", "--days", "0")
    telephone.answers("请回复3续期", "3")
    telephone.gets("您的短信答复已办理：需求已续期")
    giver.client.post(f"/v1/matches/{match['id']}/sending", {"carrier": "in_person"})
    telephone.answers("仍没有收到，请回复4", "没有收到")
    telephone.gets("您的短信答复已办理：没有收到，已交村里核实")
    [dispute] = eventually(lambda: [one for one in cast.village.every("/v1/disputes/managed") if one["match_id"] == match["id"]])
    assert (dispute["cause"], dispute["side"]) == ("not_arrived", "household")

    # What is not urgent comes next morning, in one mail. The stranger heard nothing.
    hurry(embedded, "notify.messages", "due_at = now() WHERE recipient_id = %s AND priority = 3", giver.id)
    digest = outbox.mail("条未读通知", email=f"{giver.name}@example.org")
    assert {"谢谢您的帮助", "已登记您的送出信息"} <= {*re.findall(r"^[0-9]+\. (.*)$", digest["text"], re.MULTILINE)}
    assert stranger.texts() == []
