"""The frame of all pages: what is served and how, signing in, the languages, keyboard, size."""

import gzip
import re

import httpx
import pytest

from deploy.pages import DIST

from .conftest import DESKTOP, PHONE, Sandbox, Visits

MOST_BYTES = 200_000


def get(sandbox: Sandbox, path: str, **headers: str) -> httpx.Response:
    return httpx.get(sandbox.address + path, headers=headers, trust_env=False)


def test_first_load_is_small(visit: Visits) -> None:
    visitor = visit()
    sizes: dict[str, int] = {}
    visitor.page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}) if answer.status == 200 else None)
    loaded: set[str] = set()
    visitor.page.on("request", lambda asked: loaded.add(asked.url.partition("/assets/")[2]) if "/assets/" in asked.url else None)
    visitor.open("/")
    visitor.page.wait_for_load_state("networkidle")
    files = {"index.html", *(f"assets/{name}" for name in loaded)}
    assert len(files) > 3
    assert sum(len(gzip.compress((DIST / name).read_bytes())) for name in files) <= MOST_BYTES


def test_pages_are_served_small_and_only_run_their_own_files(sandbox: Sandbox) -> None:
    for path in ("/", "/needs/anything", "/account/sign-in"):
        answer = get(sandbox, path, Accept="text/html")
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"unsafe|\*|https?:", answer.headers["Content-Security-Policy"])
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    script = re.search(r'src="(/assets/[^"]+)"', get(sandbox, "/").text)
    assert script
    assert "immutable" in get(sandbox, script[1]).headers["Cache-Control"]
    assert "immutable" not in get(sandbox, "/sw.js").headers["Cache-Control"]
    assert get(sandbox, "/assets/none.js").status_code == 404
    assert get(sandbox, "/v1/none").status_code == 404


GUEST = ["/", "/how", "/regions/51", "/account/sign-in", "/account/register", "/nowhere"]
GIVER = ["/give", "/give/new", "/give/record", "/account", "/account/notices"]
VILLAGE = ["/village", "/village/post", "/village/households", "/village/households/new", "/village/waiting", "/account"]


@pytest.mark.parametrize(("language", "size"), [("zh-CN", PHONE), ("en", DESKTOP)], ids=["zh-CN phone", "en desktop"])
@pytest.mark.parametrize(
    ("phone", "paths"), [(None, GUEST), ("13700000001", GIVER), ("13900000005", VILLAGE)], ids=["guest", "giver", "village"]
)
def test_every_page_has_no_violations(
    visit: Visits, sandbox: Sandbox, phone: str | None, paths: list[str], language: str, size: dict[str, int]
) -> None:
    visitor = visit(phone, language=language, size=size)
    if phone and "/give" in paths:
        client = sandbox.client(phone)
        paths = [
            *paths,
            f"/give/matches/{client.get('/v1/matches')['items'][0]['id']}",
            f"/give/pledges/{client.get('/v1/pledges/mine')['items'][0]['id']}",
        ]
    if phone and "/village" in paths:
        paths = [*paths, f"/village/households/{sandbox.client(phone).get('/v1/households')['items'][0]['id']}"]
    found = {}
    for path in paths:
        visitor.open(path)
        found[path] = visitor.violations()
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_giver_signs_in_by_a_code_and_out_again(visit: Visits) -> None:
    visitor = visit()
    page = visitor.open("/give")
    page.get_by_label("手机号").fill("13700000001")
    visitor.give_code(page.get_by_role("button", name="获取验证码").click)
    page.get_by_role("heading", name="我要帮扶").wait_for()
    visitor.open("/account/notices")
    visitor.open("/account")
    page.get_by_role("button", name="退出登录").click()
    page.get_by_role("link", name="登录").wait_for()
    visitor.open("/account")
    page.wait_for_url("**/account/sign-in?next=/account")


def test_wrong_code_is_said_and_language_is_kept(visit: Visits) -> None:
    visitor = visit(refused={422})
    page = visitor.open("/account/sign-in")
    page.get_by_role("button", name="English").click()
    page.get_by_label("Phone number").fill("12")
    page.get_by_role("button", name="Send me a code").click()
    assert "mobile number" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Phone number").get_attribute("aria-invalid") == "true"
    visitor.open("/account/sign-in")
    page.get_by_role("heading", name="Sign in").wait_for()


def test_keyboard_skips_to_the_content(visit: Visits) -> None:
    page = visit().open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
