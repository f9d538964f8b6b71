"""The county's desk: what waits and what is late, several decisions at once, a sample, a table, offices, figures as pictures."""

import csv
import io
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import DESKTOP, PHONE, Sandbox, Visitor, Visits

COUNTY, TOWNSHIP, VILLAGE = "13900000003", "13900000004", "13900000005"
REGION = "510921"
PAGES = [
    "",
    "needs",
    "needs/all",
    "needs/hidden",
    "samples",
    "reviewers",
    "disputes",
    "appeals",
    "self-reports",
    "organisations",
    "places",
    "thanks",
    "silent",
    "transfers",
    "helpers",
]
PAGES += ["appointments", "imports", "figures", "settings"]


def posted(sandbox: Sandbox, category: str, count: int) -> list[str]:
    """Post needs in the village, for households one after the other."""
    village = sandbox.client(VILLAGE)
    households = village.get("/v1/households", limit=count)["items"]
    body = {"consent": "slip", "category": category, "quantity": 1, "reason": "家里的用坏了，没有钱换新的，日子不方便。"}
    return [
        village.post("/v1/needs", body | {"household_id": one["id"], "story": "家里的用坏了，没有钱换新的。"})["id"] for one in households
    ]


def test_every_page_of_the_desk_has_no_violations(visit: Visits) -> None:
    visitor = visit(COUNTY, size=DESKTOP)
    for page in PAGES:
        visitor.open(f"/county/{page}".rstrip("/"))
        assert visitor.violations() == [], page
    visitor.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    for page in ("", "needs", "figures", "reviewers"):
        visitor.open(f"/county/{page}".rstrip("/"))
        assert visitor.violations() == [], page


def test_township_decides_several_needs_by_the_keyboard(visit: Visits, sandbox: Sandbox) -> None:
    needs = posted(sandbox, "household.umbrella", 3)
    visitor = visit(TOWNSHIP, size=DESKTOP)
    page = visitor.open("/county")
    assert page.get_by_role("alert").count() == 0
    page.get_by_role("link", name="待审核的需求").click()
    page.get_by_role("listitem").filter(has_text="雨伞").nth(2).wait_for()
    for place in range(3):
        page.get_by_role("listitem").filter(has_text="雨伞").nth(place).get_by_role("checkbox").press("Space")
    page.get_by_role("button", name="审核通过所选").press("Enter")
    page.get_by_text("已办理 3 项，未办理 0 项").wait_for()
    assert {sandbox.client().get(f"/v1/needs/{need}")["state"] for need in needs} == {"published"}


def test_county_checks_a_sample(visit: Visits, sandbox: Sandbox) -> None:
    county, township = sandbox.client(COUNTY), sandbox.client(TOWNSHIP)
    before = county.get("/v1/review-settings", region=REGION)["in_force"]
    county.put(f"/v1/review-settings?region={REGION}", before | {"sample_per_mille": 1000})
    try:
        needs = posted(sandbox, "household.umbrella", 2)
        township.post(
            "/v1/needs/decisions", {"decisions": [{"need_id": need, "act": "verify", "story": "家里的用坏了。"} for need in needs]}
        )
    finally:
        county.put(f"/v1/review-settings?region={REGION}", before)
    visitor = visit(COUNTY, size=DESKTOP)
    page = visitor.open("/county/samples")
    waiting = page.get_by_role("button", name="审核无误")
    count = waiting.count()
    assert count >= len(needs)
    waiting.first.click()
    expect(waiting).to_have_count(count - 1)
    assert len([one for one in county.get("/v1/samples", checked="true", limit=100)["items"] if one["need_id"] in needs]) == 1


def table() -> dict[str, Any]:
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(["户主姓名", "身份证号", "村代码", "状态"])
    rows.writerow(["祁望舒", "510921196503120011", "510921101207", "在册"])
    rows.writerow(["无证号", "123", "510921101207", "在册"])
    return {"name": "households.csv", "mimeType": "text/csv", "buffer": written.getvalue().encode("utf-8-sig")}


def test_table_is_checked_shown_and_imported(visit: Visits) -> None:
    visitor = visit(TOWNSHIP, size=DESKTOP)
    page = visitor.open("/county/imports")
    page.get_by_label("表格（CSV").set_input_files(table())
    page.get_by_role("heading", name="检查完成").wait_for()
    assert visitor.violations() == []
    page.get_by_role("link", name="下载不能导入的行").wait_for()
    page.get_by_role("button", name="导入", exact=True).click()
    page.get_by_role("heading", name="导入完成").or_(page.get_by_text("导入完成")).first.wait_for()
    assert page.get_by_role("definition").first.inner_text() in {"0", "1"}


def test_office_is_offered_and_ended(visit: Visits, sandbox: Sandbox) -> None:
    for earlier in sandbox.client(TOWNSHIP).get("/v1/appointments", state="offered")["items"]:
        sandbox.client(TOWNSHIP).post(f"/v1/appointments/{earlier['id']}/dismissal")
    visitor = visit(TOWNSHIP, size=DESKTOP)
    page = visitor.open("/county/appointments")
    page.get_by_text("任命").first.click()
    page.get_by_label("手机号").fill("13900000006")
    page.get_by_role("button", name="任命").click()
    offered = page.get_by_role("listitem").filter(has_text="已发出")
    expect(offered).to_have_count(1)
    offered.get_by_text("解除").first.click()
    offered.get_by_role("button", name="解除").click()
    expect(offered).to_have_count(0)


def test_figures_are_drawn_and_the_same_in_the_table(visit: Visits, sandbox: Sandbox) -> None:
    visitor = visit(COUNTY, size=DESKTOP)
    page = visitor.open("/county/figures")
    figure = page.get_by_role("figure").filter(has_text="哪里在等 · 需求")
    figure.locator("canvas").wait_for()
    page.wait_for_timeout(1200)
    painted = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    assert figure.locator("canvas").evaluate(painted) > 3
    figure.locator("summary").click()
    counts = sandbox.client().get("/v1/needs/counts", region=REGION, open="true")["categories"]
    shown = [int(text) for text in figure.get_by_role("cell").all_inner_texts()]
    assert sorted(shown, reverse=True) == sorted((one["needs"] for one in counts if one["needs"]), reverse=True)[:15]


def test_ages_of_waiting_needs_add_up(visit: Visits, sandbox: Sandbox) -> None:
    page = visit(COUNTY, size=DESKTOP).open("/county/figures")
    figure = page.get_by_role("figure").filter(has_text="等待多久")
    figure.locator("canvas").wait_for()
    figure.locator("summary").click()
    total = sandbox.client().get("/v1/needs/counts", region=REGION, open="true")["total"]
    assert sum(int(text) for text in figure.get_by_role("cell").all_inner_texts()) == total > 0


def test_one_need_is_found_by_its_state_and_tells_its_history(visit: Visits, sandbox: Sandbox) -> None:
    [need] = posted(sandbox, "household.umbrella", 1)
    visitor = visit(TOWNSHIP, size=DESKTOP)
    page = visitor.open("/county/needs/all")
    page.get_by_label("状态").select_option("posted")
    expect(page.get_by_role("listitem").filter(has_text="已发布")).to_have_count(0)
    page.locator(f"a[href*='{need}']").click()
    page.get_by_role("heading", name="办理记录").wait_for()
    expect(page.locator("ol > li").first).to_contain_text("发布")
    assert visitor.violations() == []
    page.get_by_role("button", name="审核通过").click()
    expect(page.locator("ol > li").first).to_contain_text("审核通过")


def test_limit_of_a_region_is_set_and_a_stale_page_is_refused(visit: Visits, sandbox: Sandbox) -> None:
    county, label = sandbox.client(COUNTY), "爱心人士 新用户 同时有效的爱心意向数"
    before = county.get("/v1/limits", region=REGION)
    current, stale = visit(COUNTY, size=DESKTOP), visit(COUNTY, size=DESKTOP, refused=[412])
    pages = [one.open("/county/settings") for one in (current, stale)]
    try:
        for page, most in zip(pages, ("70", "90"), strict=True):
            page.get_by_label(label).fill(most)
            page.get_by_role("button", name="保存上限").click()
            page.get_by_role("status").filter(has_text="已保存").or_(page.get_by_role("alert")).first.wait_for()
        after = county.get("/v1/limits", region=REGION)
        assert after["version"] == before["version"] + 1
        assert [
            one["most"] for one in after["in_force"] if (one["kind"], one["trust"], one["limit"]) == ("donor", "new", "open_pledges")
        ] == [70]
        assert pages[1].get_by_role("alert").count() == 1
    finally:
        county.put(f"/v1/limits?region={REGION}", {"limits": before["history"][0]["limits"] if before["history"] else []})


@pytest.fixture
def guest(visit: Visits) -> Visitor:
    return visit(size=DESKTOP)


def test_guest_is_sent_to_the_sign_in(guest: Visitor) -> None:
    page = guest.open("/county/figures")
    page.wait_for_url("**/account/sign-in?next=/county/figures")
