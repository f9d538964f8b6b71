"""A giver's pages: from a pledge that is matched by itself to the thanks, and a need that the giver chose."""

import io
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from .conftest import Sandbox, Visits

VILLAGE, TOWNSHIP, GIVER = "13900000005", "13900000004", "13700000007"


def eventually(look: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def photo() -> dict[str, Any]:
    written = io.BytesIO()
    Image.new("RGB", (2400, 1800), "#a63412").save(written, "JPEG")
    return {"name": "parcel.jpg", "mimeType": "image/jpeg", "buffer": written.getvalue()}


def published(sandbox: Sandbox, category: str, quantity: int) -> str:
    """Post a need on behalf of a household of the village, and have its township verify it; return its id."""
    household = sandbox.client(VILLAGE).get("/v1/households", limit=1)["items"][0]
    body = {
        "household_id": household["id"],
        "consent": "slip",
        "category": category,
        "quantity": quantity,
        "reason": "家里的坏了，一直没有钱换新的。",
    }
    need: str = sandbox.client(VILLAGE).post("/v1/needs", body)["id"]
    sandbox.client(TOWNSHIP).post(f"/v1/needs/{need}/verification", {"story": "家里的坏了，一直没有钱换新的。"})
    return need


def test_pledge_is_matched_accepted_in_part_sent_received_and_thanked_for(visit: Visits, sandbox: Sandbox) -> None:
    visitor = visit(GIVER)
    page = visitor.open("/give/new")
    page.get_by_role("searchbox", name="物品或服务").fill("水壶")
    page.get_by_role("button", name="电热水壶").click()
    page.get_by_label("数量").fill("5")
    assert visitor.violations() == []
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("combobox", name="省", exact=True).select_option("51")
    page.get_by_role("combobox", name="市", exact=True).select_option("5109")
    assert visitor.violations() == []
    page.get_by_role("button", name="下一步").click()
    assert visitor.violations() == []
    page.get_by_role("button", name="登记", exact=True).click()
    page.get_by_role("heading", name="已登记").wait_for()
    need = published(sandbox, "household.kettle", 2)
    visitor.open("/give")
    page.get_by_role("link", name="2 个电热水壶").first.or_(page.get_by_role("link", name="2 把电热水壶")).first.click()
    page.get_by_role("heading", name="为什么推荐给您").wait_for()
    page.get_by_text("家里的坏了，一直没有钱换新的。").wait_for()
    assert visitor.violations() == []
    page.get_by_text("只帮一部分").click()
    page.get_by_label("数量").fill("1")
    page.get_by_role("button", name="我愿意帮").click()
    page.get_by_role("button", name="查看联系方式").click()
    page.get_by_text("猫山村党群服务中心").wait_for()
    page.get_by_role("combobox", name="送出方式").select_option("sf")
    page.get_by_label("运单号").fill("SF1234567890")
    page.get_by_role("button", name="登记送出").click()
    page.get_by_text("SF1234567890").wait_for()
    page.get_by_label("上传照片").set_input_files(photo())
    page.get_by_role("img", name="照片 1").wait_for()
    assert visitor.violations() == []
    match = page.url.rpartition("/")[2]
    village = sandbox.client(VILLAGE)
    # The page hears of the receipt and needs no reload.
    village.post(f"/v1/matches/{match}/receipt", {"quantity": 1})
    page.get_by_text("已收到 1").wait_for()
    thanks = village.post(f"/v1/matches/{match}/thanks", {"text": "谢谢您，水壶很好用。"})
    sandbox.client(TOWNSHIP).post(f"/v1/thanks/{thanks['id']}/release")
    visitor.open(f"/give/matches/{match}")
    page.get_by_text("谢谢您，水壶很好用。").wait_for()
    page.get_by_role("button", name="5 星").click()
    page.get_by_text("您已评 5 星").wait_for()
    assert visitor.violations() == []
    assert need
