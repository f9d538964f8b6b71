"""A browser on the sandbox's pages. Every page fails its test by a console error, a request elsewhere, or a fault of accessibility."""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from chassis.testing.folders import kept_ports
from deploy import pages
from deploy.local import running
from deploy.local.client import ApiClient, one_origin, second_factor_code, telephones_at
from deploy.local.environment import data_folder

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = ROOT / ".venv/chromium/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
AXE = pages.WEB / "node_modules/axe-core/axe.min.js"
LOADING = re.compile("正在加载…|Loading…")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Sandbox:
    """The house with its sandbox: an address, and the invented people's secrets."""

    address: str
    password: str
    second_factors: dict[str, str]
    clients: dict[str, ApiClient] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    """Cookies and storage of browsers in which somebody is signed in, by phone."""

    def client(self, phone: str | None = None) -> ApiClient:
        """Return a client of the API: a guest's, or that of somebody of the sandbox, who signs in once."""
        if phone is None:
            return ApiClient(one_origin(self.address))
        if phone not in self.clients:
            client = self.clients[phone] = ApiClient(one_origin(self.address)).sign_in(phone, self.password)
            if secret := self.second_factors.get(phone):
                self.give_second_factor(secret, client.accept_second_factor)
        return self.clients[phone]

    def give_second_factor(self, secret: str, give: Callable[[str], bool]) -> None:
        """Give a code that counts: the one before, this one or the next, as each counts once; or one of half a minute later."""
        for seconds_later in (-30, 0, 30, None):
            if seconds_later is None:
                time.sleep(30)
            if give(second_factor_code(secret, seconds_later or 0)):
                return
        raise LookupError(secret)


@dataclass
class Visitor:
    """A person at a browser of their own. `open` goes to a page and waits until it is quiet."""

    sandbox: Sandbox
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.sandbox.address + path)
        self.page.get_by_role("heading", level=1).wait_for()
        # A page with a stream is never idle; it is whole once nothing in it loads.
        expect(self.page.get_by_role("status").filter(has_text=LOADING)).to_have_count(0, timeout=15_000)
        return self.page

    def give_code(self, ask: Callable[[], None]) -> None:
        """Ask for a code, read it on the telephone, and give it."""
        with self.page.expect_response(lambda answer: answer.status == 202) as asked:
            ask()
        code_id = asked.value.json()["id"]
        self.page.get_by_label("验证码").or_(self.page.get_by_label("Code")).fill(telephones_at(self.sandbox.address)(code_id))
        self.page.get_by_role("button", name="确定").or_(self.page.get_by_role("button", name="Confirm")).click()

    def violations(self) -> list[str]:
        """Return what axe-core finds against WCAG 2.2 AA on the page as it is, and whether it scrolls sideways."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
        said = [f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}" for one in found for node in one["nodes"]]
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return said + ([f"{self.page.url} scrolls sideways by {wide} px"] if wide > 0 else [])


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """A house of its own; or one that runs already, for whoever writes pages: `HOUSE="/var/lib/duijie/house http://127.0.0.1:8000"`."""
    pages.build()
    if running_one := os.environ.get("HOUSE"):
        at, address = running_one.split()
        yield sandbox_of(Path(at), address)
        return
    folder = data_folder(f"house-{secrets.token_hex(4)}")
    folder.mkdir(parents=True, exist_ok=True)
    [port] = kept_ports(folder / "port", 1)
    with pytest.MonkeyPatch.context() as patch:
        # Cookies count on the house's own address alone.
        patch.delenv("PUBLIC_URL", raising=False)
        with running.house(folder, port, "--not-durable") as address:
            yield sandbox_of(folder, address)
    shutil.rmtree(folder, ignore_errors=True)


def sandbox_of(folder: Path, address: str) -> Sandbox:
    kept = json.loads((folder / "sandbox.json").read_text())
    return Sandbox(address, kept["password"], kept["second_factors"])


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Visits:
    """Opens browsers for people of the sandbox, and collects what goes wrong in them."""

    def __init__(self, sandbox: Sandbox, browser: Browser) -> None:
        self._sandbox, self._browser = sandbox, browser
        self.all: list[Visitor] = []

    def __call__(
        self, phone: str | None = None, language: str = "zh-CN", size: dict[str, int] = PHONE, refused: Collection[int] = (), **options: Any
    ) -> Visitor:
        """Open a browser for a guest, or for somebody who is signed in by their phone.

        Chromium writes every refusal into the console: `refused` names the statuses that the test provokes.
        """
        if phone and phone not in self._sandbox.states:
            self._sign_in(self._browser.new_context(), phone)
        state = self._sandbox.states[phone] if phone else None
        context = self._browser.new_context(viewport=size, locale=language, storage_state=state, **options)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        visitor = Visitor(self._sandbox, context, context.new_page())
        visitor.page.on("console", lambda said: self._hear(visitor, said, refused))
        visitor.page.on("pageerror", lambda error: visitor.faults.append(f"script: {error}"))
        visitor.page.on("request", lambda asked: self._judge(visitor, asked.url))
        self.all.append(visitor)
        return visitor

    def _hear(self, visitor: Visitor, said: ConsoleMessage, refused: Collection[int]) -> None:
        if said.type == "error" and not any(f"status of {status} " in said.text for status in refused):
            visitor.faults.append(f"console: {said.text} {said.location}")

    def _judge(self, visitor: Visitor, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"blob", "data"} and f"{parts.scheme}://{parts.netloc}" != self._sandbox.address:
            visitor.faults.append(f"request elsewhere: {url}")

    def _sign_in(self, context: BrowserContext, phone: str) -> None:
        """Sign in by the API and leave what the pages' own sign-in leaves; a test of its own goes the long way."""
        at, own = self._sandbox.address, {"Origin": self._sandbox.address}
        body = {"phone": phone, "password": self._sandbox.password, "cookie": True}
        answer = context.request.post(f"{at}/v1/sessions", data=body, headers=own)
        assert answer.status == 204, answer.text()
        if secret := self._sandbox.second_factors.get(phone):
            self._sandbox.give_second_factor(
                secret, lambda code: context.request.post(f"{at}/v1/sessions/second-factor", data={"code": code}, headers=own).status == 201
            )
        me = context.request.get(f"{at}/v1/me").text()
        item = {"name": "duijie.signed-in", "value": me}
        self._sandbox.states[phone] = context.storage_state() | {"origins": [{"origin": at, "localStorage": [item]}]}


@pytest.fixture
def visit(sandbox: Sandbox, browser: Browser) -> Iterator[Visits]:
    """Open browsers; at the end none of them had an error or asked another origin."""
    visits = Visits(sandbox, browser)
    yield visits
    faults = [fault for one in visits.all for fault in one.faults]
    for one in visits.all:
        one.context.close()
    assert faults == []
