"""One need's whole story by four people in four browsers: a village, a township, a guest who becomes a giver, and the township again."""

import random
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from .conftest import DESKTOP, PHONE, Sandbox, Visits

VILLAGE, TOWNSHIP = "13900000005", "13900000004"


@dataclass
class Words:
    """What the pages say in one language."""

    search_household: str
    what: str
    item: str
    quantity: str
    reason: str
    consent: str
    story: str
    post: str
    sent: str
    verify: str
    search: str
    found: str
    help: str
    register: str
    name: str
    phone: str
    code: str
    code_field: str
    confirm: str
    next: str
    offer: str
    matched: str
    to_send: str
    give: str
    brought: str
    receive: str
    thanks: str
    send_thanks: str
    release: str


ZH = Words(
    *(
        "按姓名",
        "需要什么",
        "手电筒",
        "数量",
        "申请理由",
        "本人怎样同意的",
        "公开的情况说明",
        "提交",
        "已发送",
        "审核通过",
        "搜索",
        "1 支手电筒",
    ),
    *("我来帮", "注册", "姓名", "手机号", "获取验证码", "验证码", "确定", "下一步", "登记", "对接成功", "等您送出", "我要帮扶", "登记送出"),
    *("确认收到", "感谢的话", "提交感谢", "纳入"),
)
EN = Words(
    *(
        "Find by name",
        "What is needed",
        "Extension socket",
        "Quantity",
        "Reason",
        "How the household agreed",
        "Public story",
        "Post",
        "Sent",
        "Verify",
    ),
    *(
        "Search",
        "Extension socket: 1 piece",
        "I help",
        "Register",
        "Name",
        "Phone number",
        "Send me a code",
        "Code",
        "Confirm",
        "Next",
        "Offer",
    ),
    *("It is matched. Send it", "For you to send", "Give", "It is sent", "Confirm the receipt", "Their thanks", "Send the thanks", "Admit"),
)


@pytest.mark.parametrize(("language", "size", "words"), [("zh-CN", PHONE, ZH), ("en", DESKTOP, EN)], ids=["zh-CN phone", "en desktop"])
def test_four_people_play_the_whole_story(visit: Visits, sandbox: Sandbox, language: str, size: dict[str, int], words: Words) -> None:
    village, township = visit(VILLAGE, language, size), visit(TOWNSHIP, language, size)
    guest = visit(language=language, size=size)

    page = village.open("/village/post")
    page.get_by_role("searchbox", name=words.search_household).fill("5")
    page.get_by_role("listitem").get_by_role("button").nth(2).click()
    page.get_by_role("searchbox", name=words.what).fill(words.item)
    page.get_by_role("button", name=words.item, exact=True).click()
    page.get_by_label(words.quantity).fill("1")
    page.get_by_label(words.reason, exact=True).fill("家里停电时没有照明，老人夜里起身摔过一跤。")
    page.get_by_role("textbox", name=words.story).fill("停电时没有照明，老人夜里不便。")
    page.get_by_role("combobox", name=words.consent).select_option("slip")
    page.get_by_role("button", name=words.post, exact=True).click()
    page.get_by_text(words.sent, exact=True).wait_for()

    page = township.open("/county/needs")
    mine = page.get_by_role("listitem").filter(has_text="停电时没有照明").last
    mine.get_by_role("checkbox").check()
    page.get_by_role("button", name=words.verify).first.click()
    expect(page.get_by_role("listitem").filter(has_text="停电时没有照明")).to_have_count(0)

    page = guest.open("/")
    page.get_by_role("searchbox").fill(words.item)
    page.get_by_role("button", name=words.search).click()
    page.get_by_role("link", name=words.found).first.click()
    assert guest.violations() == []
    page.get_by_role("link", name=words.help).click()
    page.get_by_role("link", name=words.register).click()
    page.get_by_label(words.name, exact=True).fill("顾清和" if language == "zh-CN" else "Gu Qinghe")
    page.get_by_label(words.phone, exact=True).fill(f"135{random.randrange(10**8):08d}")
    guest.give_code(page.get_by_role("button", name=words.code).click)
    for _ in range(2):
        page.get_by_role("button", name=words.next, exact=True).click()
    assert guest.violations() == []
    page.get_by_role("button", name=words.offer, exact=True).click()
    page.get_by_text(words.matched).wait_for()

    guest.open("/give")
    send(page, words)
    page = village.open("/village")
    page.get_by_role("listitem").filter(has_text=words.found).get_by_role("button", name=words.receive).click()
    page.locator("summary").filter(has_text=words.found).first.click()
    page.get_by_role("textbox", name=words.thanks).fill("谢谢，夜里方便多了。")
    page.get_by_role("button", name=words.send_thanks).click()
    expect(page.get_by_role("textbox", name=words.thanks)).to_have_count(0)

    page = township.open("/county/thanks")
    page.get_by_role("listitem").filter(has_text="夜里方便多了").get_by_role("button", name=words.release).click()
    expect(page.get_by_role("listitem").filter(has_text="夜里方便多了")).to_have_count(0)

    guest.page.reload()
    guest.page.get_by_text("谢谢，夜里方便多了。").wait_for()
    assert guest.violations() == []


def send(page: Page, words: Words) -> None:
    """Open the match that waits to be sent, and send it by hand."""
    page.get_by_role("link", name=words.found).first.click()
    page.get_by_role("button", name=words.brought).click()
    expect(page.get_by_role("button", name=words.brought)).to_have_count(0)
