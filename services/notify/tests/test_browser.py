"""A real browser on a stream: the code of docs/streams.md hears notices, and comes back after the process was killed."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from chassis.data.database import new_id
from chassis.testing.fixtures import KnownKeys, Person
from chassis.testing.folders import kept_ports
from notify import actions

from .conftest import proposal
from .streaming import Stage, stage_of

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = ROOT / ".venv/chromium/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>通知</title><ul id="heard"></ul><script>
Math.random = () => 0;
const headers = async () => ({{ Authorization: "{token}", "Content-Type": "application/json" }});
{code}
hear(["ready", "notice", "reset"], (name, data) => {{
  const line = document.createElement("li");
  line.textContent = name === "notice" ? data.title : name;
  heard.append(line);
}});
</script></html>"""


@pytest.fixture
def stage(database_of: Callable[[str, str], str], keys: KnownKeys, tmp_path: Path) -> Iterator[Stage]:
    with stage_of(database_of, keys, tmp_path, "notify_browser") as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.fail("Chromium is missing: make .venv/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(locale="zh-CN")
        browser.close()


def tell(stage: Stage, person: Person) -> None:
    with stage.database.begin() as session:
        actions.write_notices(session, [proposal(pledger_id=person.id, poster_id=new_id())])


def heard(page: Page) -> list[str]:
    return page.locator("#heard li").all_inner_texts()


def wait(page: Page, wanted: list[str], seconds: float = 8) -> Any:
    deadline = time.monotonic() + seconds
    while heard(page) != wanted and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    return heard(page)


def test_browser_hears_notices_and_comes_back(stage: Stage, page: Page, tmp_path: Path) -> None:
    [code] = re.findall(r"```js\n(.*?)```", (ROOT / "docs/streams.md").read_text("utf-8"), re.DOTALL)
    donor = Person("donor")
    [port] = kept_ports(tmp_path / "ports", 1)
    address = stage.start(port)
    written = PAGE.format(token=stage.token(donor)["Authorization"], code=code)
    page.route("**/page", lambda route: route.fulfill(body=written, content_type="text/html"))
    page.goto(f"{address}/page")
    assert wait(page, ["ready"]) == ["ready"]
    tell(stage, donor)
    title = "有人需要您的帮助"
    assert wait(page, ["ready", title]) == ["ready", title]
    stage.kill(address)
    for _ in range(2):
        tell(stage, donor)
    stage.start(port)
    assert wait(page, ["ready", title, title, title, "ready"]) == ["ready", title, title, title, "ready"]
