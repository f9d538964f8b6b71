"""Pages that the house itself serves: headers for browsers, nothing from elsewhere, nothing that the Host header writes."""

import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from chassis import docs
from chassis.data.database import Database
from chassis.http import headers, openapi
from chassis.http.app import create_app
from chassis.testing.fixtures import KnownKeys
from deploy.local import origin, telephones
from deploy.services import services
from notify.settings import TencentSettings

ANSWERING = [name for name, service in services().items() if service.answers]
SWAGGER = sorted(file.name for file in files("flask_swagger_ui").joinpath("dist").iterdir() if "." in file.name)
PAGES = {
    "telephones": ["/sandbox/telephones", "/sandbox/telephones?phone=13900000005", "/sandbox/telephones.json", "/sandbox/nothing"],
    "desk": [
        "/sandbox/",
        "/docs/",
        "/docs/index.html",
        "/openapi.json",
        "/nothing",
        "/docs/nothing",
        *(f"/docs/{name}" for name in SWAGGER),
    ],
    "docs": ["/docs/", "/docs/index.html", "/livez", "/nothing", *(f"/docs/{name}" for name in SWAGGER)],
    "matching": ["/v1/slips/page"],
}
ACCOUNT = TencentSettings(secret_id="", secret_key="", app_id="", template_id="", sign_name="", region="", endpoint="http://127.0.0.1:1")
EVIL = "evil.example.net"


def made(name: str) -> Flask:
    """Create the application of the front desk, of the pages' process, or of a service without a database."""
    if name == "desk":
        return origin.front_desk()
    if name == "telephones":
        return telephones.create(telephones.Telephones(ACCOUNT))
    if name == "docs":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["chassis.docs", *ANSWERING])
            return docs.create()
    database = Database("postgresql+psycopg://", name="none")
    return create_app(name, import_module(f"{name}.api").api, database=database, keys=KnownKeys())


app_of: Callable[[str], Flask] = cache(made)


def get(name: str, path: str, host: str = "localhost") -> TestResponse:
    return app_of(name).test_client().get(path, headers={"Host": host}, base_url=f"http://{host}")


def unsafe(response: TestResponse) -> list[str]:
    """Return what an answer lets a browser do that it must not."""
    found = [name for name, value in headers.SAFE.items() if name != "Content-Security-Policy" and response.headers.get(name) != value]
    policy = dict(part.split(" ", 1) for part in response.headers.get("Content-Security-Policy", "").split("; ") if part)
    found += [f"{directive} is open" for directive in ("default-src", "frame-ancestors") if policy.get(directive) != "'none'"]
    found += [value for value in policy.values() if re.search(r"unsafe|\*|https?:", value)]
    if response.mimetype == "text/html":
        found += [f"{directive} is open" for directive in ("base-uri", "form-action") if policy.get(directive) != "'none'"]
        found += blocked(response.text, policy)
    return found


def blocked(page: str, policy: dict[str, str]) -> Iterator[str]:
    """Yield the parts of a page that its own policy keeps from working."""
    for element in ("script", "style"):
        for attributes, inline in re.findall(rf"<{element}([^>]*)>(.*?)</{element}>", page, re.DOTALL):
            allowed = policy.get(f"{element}-src", "")
            if "src=" in attributes:
                yield from () if "'self'" in allowed else (attributes,)
            elif digest_of(inline) not in allowed:
                yield inline
    yield from re.findall(r"\s(?:style|on[a-z]+)=[^>]*", page)
    for address in re.findall(r'(?:src|href)="([^"#]+)"', page):
        if "://" in address or address.startswith("//"):
            yield address


def digest_of(inline: str) -> str:
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in PAGES.items() for path in paths])
def test_page_is_safe_and_runs_only_its_own_parts(name: str, path: str) -> None:
    response = get(name, path)
    assert (response.status_code == 404) is path.endswith("/nothing")
    assert unsafe(response) == []


@pytest.mark.parametrize("name", ["desk", "docs"])
def test_links_of_pages_lead_somewhere(name: str) -> None:
    for path in ("/docs/", *(["/sandbox/"] if name == "desk" else [])):
        links = set(re.findall(r'(?:src|href)="([^"#]+)"', get(name, path).text))
        assert links
        elsewhere = {"/sandbox/telephones": "telephones"}
        ours = {link for link in links if not link.startswith("/openapi/")}
        assert {link for link in ours if get(elsewhere.get(link, name), link).status_code != 200} == set()


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the headers, pages may be framed and run anything")
@pytest.mark.parametrize(("name", "path"), [("desk", "/sandbox/"), ("docs", "/docs/")])
def test_page_without_the_headers(monkeypatch: pytest.MonkeyPatch, name: str, path: str) -> None:
    monkeypatch.setattr(headers, "install_on_pages", lambda app, settings: None)
    assert unsafe(made(name).test_client().get(path)) == []


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without its hash, a browser does not run the script that starts the page")
@pytest.mark.parametrize(("name", "path"), [("docs", "/docs/"), ("matching", "/v1/slips/page")])
def test_page_whose_script_changed_after_its_policy(name: str, path: str) -> None:
    response = get(name, path)
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert list(blocked(response.text.replace("</script>", " </script>"), policy)) == []


def test_pages_behind_https_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSTS_SECONDS", "600")
    for name in ("desk", "docs"):
        assert made(name).test_client().get("/docs/").headers["Strict-Transport-Security"] == "max-age=600; includeSubDomains"


def addresses(app: Flask) -> list[str]:
    """List the addresses of an application that a GET without arguments reaches, and some that do not exist."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    return [*(rule.rule for rule in rules), *(rule.rule.rstrip("/") for rule in rules), *(f"/{rule.rule}" for rule in rules), "/nothing"]


def written_by_host(app: Flask) -> list[str]:
    """Return the addresses whose answer holds the name of the Host header."""
    found = []
    for address in addresses(app):
        if address in {"/readyz", "//readyz"}:
            continue
        response = app.test_client().get(address or "/", headers={"Host": EVIL, "X-Forwarded-Host": EVIL}, base_url=f"http://{EVIL}")
        if EVIL in f"{response.headers} {response.text}":
            found.append(address)
    return found


@pytest.mark.parametrize("name", ["desk", "docs", *ANSWERING])
def test_no_answer_depends_on_the_host_header(name: str) -> None:
    assert len(addresses(app_of(name))) > 3
    assert written_by_host(app_of(name)) == []


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without this, the Host header writes the address in the document")
def test_document_that_names_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(openapi.CONFIG, "AUTO_SERVERS", True)
    assert written_by_host(made("notify")) == []


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the headers of pages, a redirect leads where the Host header says")
def test_redirect_as_flask_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "install_on_pages", lambda app, settings: None)
    assert written_by_host(made("docs")) == []


def test_redirect_keeps_its_query_and_origin() -> None:
    response = get("docs", "/docs?urls.primaryName=needs", EVIL)
    assert (response.status_code, response.headers["Location"]) == (308, "/docs/?urls.primaryName=needs")


def test_no_code_reads_the_host_of_a_request() -> None:
    reads = re.compile(r"\brequest\.(?:host|host_url|url|base_url|url_root|root_url)\b|_external=True")
    folders = [origin.__file__, docs.__file__, *(import_module(name).__file__ or "" for name in ["chassis", "deploy", *services()])]
    found = {str(path) for folder in folders for path in _parents(folder) if reads.search(path.read_text("utf-8"))}
    assert {path for path in found if "/tests/" not in path and not path.endswith("deploy/local/client.py")} == set()


def _parents(module: str) -> Iterator[Path]:
    yield from Path(module).parent.rglob("*.py")


def test_house_leads_every_document_to_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def app(name: str) -> Flask:
        one = Flask(name)
        one.add_url_rule("/<path:path>", "all", lambda path: asked.append(f"{name} /{path}") or "")
        return one

    monkeypatch.setattr(telephones, "of_environment", lambda: Flask("telephones"))
    house = Client(origin.house_of({name: app(name) for name in ANSWERING}))
    for name in ANSWERING:
        house.get(f"/openapi/{name}.json")
    assert asked == [f"{name} /openapi/{name}.json" for name in ANSWERING]
    assert house.get("/openapi.json").json["openapi"].startswith("3.1")
