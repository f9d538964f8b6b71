"""The village's desk: the day's work, posting on behalf, visits, papers; and all of it without a network."""

import io
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from playwright.sync_api import Page, Route

from .conftest import Sandbox, Visitor, Visits

VILLAGE, TOWNSHIP = "13900000005", "13900000004"
REASON = "家里的用了十几年，已经坏得不能用了，老人夜里受冻。"


def photo(name: str) -> dict[str, Any]:
    written = io.BytesIO()
    Image.new("RGB", (2000, 1500), "#52606d").save(written, "JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": written.getvalue()}


def fill(page: Page, item: str, quantity: int) -> None:
    """Fill in a need for the first household of the register; the page is open."""
    page.get_by_role("searchbox", name="按姓名").fill("5")
    page.get_by_role("listitem").get_by_role("button").first.click()
    page.get_by_role("searchbox", name="需要什么").fill(item)
    page.get_by_role("button", name=item, exact=True).click()
    page.get_by_label("数量").fill(str(quantity))
    page.get_by_label("申请理由").fill(REASON)
    page.get_by_role("combobox", name="本人怎样同意的").select_option("slip")


def mine(sandbox: Sandbox, reason: str = REASON) -> list[dict[str, Any]]:
    return [need for need in sandbox.client(VILLAGE).get("/v1/needs/mine", limit=100)["items"] if need["reason"] == reason]


def test_village_posts_with_photos_visits_and_prints(visit: Visits, sandbox: Sandbox) -> None:
    visitor = visit(VILLAGE)
    page = visitor.open("/village")
    page.get_by_role("link", name="代发布需求").click()
    fill(page, "电热毯", 1)
    page.get_by_label("拍照：需要的情况").set_input_files(photo("need.jpg"))
    page.get_by_role("combobox", name="本人怎样同意的").select_option("slip_photo")
    page.get_by_label("拍照：签字的同意书").set_input_files(photo("slip.jpg"))
    page.get_by_text("1 张照片").nth(1).wait_for()
    assert visitor.violations() == []
    before = len(mine(sandbox))
    page.get_by_role("button", name="提交").click()
    page.get_by_text("已发送").wait_for()
    assert len(mine(sandbox)) == before + 1
    need = mine(sandbox)[0]
    kinds = [one["kind"] for one in sandbox.client(VILLAGE).get(f"/v1/needs/{need['id']}/photos")["items"]]
    assert sorted(kinds) == ["consent", "need"]
    visitor.open("/village/households")
    page.get_by_label("按姓名").fill("5")
    assert visitor.violations() == []
    page.get_by_role("main").get_by_role("heading", level=2).get_by_role("link").first.click()
    page.get_by_text("记录走访").click()
    page.get_by_label("了解到的情况").fill("老人身体尚好，屋顶要修。")
    page.get_by_role("button", name="保存").click()
    page.get_by_text("已发送").wait_for()
    assert visitor.violations() == []
    visitor.open("/village")
    assert visitor.violations() == []


@pytest.fixture
def visitor(visit: Visits) -> Visitor:
    """The village's agent, whose phone has the register and the catalogue."""
    visitor = visit(VILLAGE)
    page = visitor.open("/village/post")
    page.get_by_role("searchbox", name="需要什么").fill("灯泡")
    page.get_by_role("button", name="灯泡", exact=True).wait_for()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return visitor


def offline(visitor: Visitor) -> Page:
    """Take the network away, kill the page and open it again, as a phone does whose memory is short."""
    visitor.context.set_offline(True)
    visitor.page.close()
    visitor.page = visitor.context.new_page()
    visitor.open("/village/post")
    return visitor.page


def test_three_needs_posted_without_a_network_arrive_once(visitor: Visitor, sandbox: Sandbox) -> None:
    before = {need["id"] for need in mine(sandbox)}
    for quantity in (1, 2, 3):
        page = offline(visitor)
        fill(page, "灯泡", quantity)
        page.get_by_role("button", name="提交").click()
        page.get_by_text("已保存在本机").wait_for()
    assert "老人夜里受冻" not in page.evaluate(DUMP)
    visitor.context.set_offline(False)
    page.close()
    page = visitor.page = visitor.context.new_page()
    visitor.open("/village/waiting")
    page.get_by_text("没有待发送的表单").wait_for()
    made = [need for need in mine(sandbox) if need["id"] not in before]
    assert sorted(need["quantity"] for need in made) == [1, 2, 3]
    assert {UUID(need["id"]).version for need in made} == {7}


DUMP = """async () => {
  const answered = (asked) => new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const database = await answered(indexedDB.open("duijie-village"));
  const all = await answered(database.transaction("sealed").objectStore("sealed").getAll());
  return all.map((one) => one.name + new TextDecoder("utf-8").decode(one.content)).join();
}"""


def test_need_whose_answer_was_lost_is_posted_once_and_forms_go_with_the_sign_out(visitor: Visitor, sandbox: Sandbox) -> None:
    before, page = len(mine(sandbox)), visitor.page

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    visitor.context.route("**/v1/needs", lose)
    visitor.open("/village/post")
    fill(page, "水桶", 1)
    page.get_by_role("button", name="提交").click()
    page.get_by_text("已保存在本机").wait_for()
    assert len(mine(sandbox)) == before + 1
    visitor.open("/account")
    page.get_by_text("还有 1 份表单没有发送").wait_for()
    visitor.context.unroute("**/v1/needs", lose)
    visitor.open("/village/waiting")
    page.get_by_text("没有待发送的表单").wait_for()
    assert len(mine(sandbox)) == before + 1
    assert page.evaluate(DUMP) != ""
    visitor.open("/account")
    page.get_by_role("button", name="退出登录").click()
    page.get_by_role("link", name="登录").wait_for()
    assert page.evaluate(DUMP) == ""
    sandbox.states.pop(VILLAGE)
    visitor.faults = [fault for fault in visitor.faults if "ERR_FAILED" not in fault]
