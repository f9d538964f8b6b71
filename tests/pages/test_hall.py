"""The hall, for anybody: searched and filtered, shared by a poster, by the keyboard alone, in large text, without a network."""

import io
import re

import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import DESKTOP, PHONE, Sandbox, Visits

GIVER = "13700000003"


NAMED = """() => {
  const one = document.activeElement;
  return one === document.body ? "" : (one.innerText || one.getAttribute("aria-label") || "").trim();
}"""


def focus(page: Page) -> str:
    """Return what the focused element is called."""
    return str(page.evaluate(NAMED))


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name is focused."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if name in focus(page):
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def test_need_is_searched_filtered_and_found_again_by_its_address(visit: Visits) -> None:
    visitor = visit()
    page = visitor.open("/")
    everything = page.get_by_role("status").filter(has_text="共").inner_text()
    page.get_by_role("searchbox").fill("炉子")
    page.get_by_role("button", name="搜索").click()
    page.wait_for_url(re.compile("q="))
    expect(page.get_by_role("status").filter(has_text="共")).not_to_have_text(everything)
    page.get_by_role("combobox", name="紧急程度").select_option("urgent")
    page.wait_for_url(re.compile("urgency=urgent"))
    page.get_by_role("link", name="取暖炉").first.wait_for()
    assert visitor.violations() == []
    address = page.url
    page.go_back()
    expect(page.get_by_role("combobox", name="紧急程度")).to_have_value("")
    page.goto(address)
    expect(page.get_by_role("combobox", name="紧急程度")).to_have_value("urgent")
    page.get_by_role("button", name="清除筛选").click()
    expect(page.get_by_role("status").filter(has_text="共")).to_have_text(everything)


def test_poster_of_a_need_leads_to_it(visit: Visits, sandbox: Sandbox) -> None:
    visitor = visit(GIVER)
    need = sandbox.client().get("/v1/needs", limit=1)["items"][0]["id"]
    page = visitor.open(f"/needs/{need}")
    page.get_by_role("button", name="海报").click()
    poster = page.get_by_role("img", name="海报")
    poster.wait_for()
    assert visitor.violations() == []
    with page.expect_download() as saved:
        page.get_by_role("button", name="保存图片").click()
    picture = Image.open(io.BytesIO(saved.value.path().read_bytes()))
    assert (picture.format, picture.size) == ("PNG", (1200, 1720))
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [f"{sandbox.address}/needs/{need}"]
    page.get_by_text("举报不当需求").click()
    page.get_by_role("button", name="提交举报").click()
    page.get_by_text("已收到举报").wait_for()


def test_pages_of_the_hall_have_no_violations_and_regions_lead_down(visit: Visits) -> None:
    visitor = visit(size=DESKTOP, language="en")
    page = visitor.open("/how")
    assert visitor.violations() == []
    visitor.open("/regions/51")
    page.get_by_role("link", name="遂宁市").first.click()
    page.get_by_role("heading", level=1, name="遂宁市").wait_for()
    assert visitor.violations() == []


def test_keyboard_alone_reaches_a_need_and_offers_help(visit: Visits) -> None:
    visitor = visit(GIVER, size=DESKTOP)
    page = visitor.open("/give/new")
    tab_to(page, "物品或服务")
    page.keyboard.type("雨伞")
    tab_to(page, "雨伞")
    page.keyboard.press("Enter")
    page.get_by_label("数量").focus()
    page.keyboard.type("2")
    for _ in range(2):
        tab_to(page, "下一步")
        page.keyboard.press("Enter")
    tab_to(page, "登记")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="已登记").wait_for()
    visitor.open("/")
    tab_to(page, "搜索")
    page.keyboard.press("Enter")
    page.get_by_role("article").get_by_role("link").first.press("Enter")
    page.get_by_role("button", name="分享").wait_for()


def test_text_at_200_percent_needs_no_sideways_scrolling(visit: Visits) -> None:
    visitor = visit(size=PHONE)
    for path in ("/", "/how", "/regions/51", "/account/register"):
        page = visitor.open(path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert [one for one in visitor.violations() if "sideways" in one] == [], path


def test_hall_opens_again_without_a_network(visit: Visits) -> None:
    visitor = visit()
    page = visitor.open("/how")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    visitor.context.set_offline(True)
    page.reload()
    page.get_by_role("heading", level=1, name="怎么对接").wait_for()
    visitor.open("/")
    page.get_by_text("网络不通").first.wait_for()
    visitor.context.set_offline(False)
    page.get_by_role("button", name="重试").first.click()
    page.get_by_role("article").first.wait_for()
    visitor.faults = [fault for fault in visitor.faults if "ERR_INTERNET_DISCONNECTED" not in fault]
