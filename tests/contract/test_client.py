"""The TypeScript client: wrong fields do not compile, and a session is renewed with a real server."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import request
from werkzeug.serving import make_server

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.twins import unguarded
from deploy import lint_api
from users.api import api
from users.codes.derivation import derive_code
from users.sessions.tokens import SigningKeys

NEED = 'category: "food.rice", quantity: 50, reason: "家中断粮"'
WRONG = {
    "a field misspelt": f'duijie.POST("/v1/needs", {{ body: {{ {NEED}, urgensy: "urgent" }} }});',
    "a word that is none": f'duijie.POST("/v1/needs", {{ body: {{ {NEED}, urgency: "dire" }} }});',
    "a number as text": 'duijie.POST("/v1/needs", { body: { category: "food.rice", quantity: "50", reason: "家中断粮" } });',
    "a field left out": 'duijie.POST("/v1/needs", { body: { category: "food.rice", quantity: 50 } });',
    "an address that is none": 'duijie.GET("/v1/kneads");',
    "a method that is none": 'duijie.POST("/v1/catalogue", { body: {} });',
    "a parameter misspelt": 'duijie.GET("/v1/needs", { params: { query: { regionn: "51" } } });',
    "a field that no answer has": 'must(duijie.GET("/v1/needs")).then((page) => page.items[0]?.urgensy);',
    "a code that no problem has": 'export const lost: ProblemCode = "not_alowed";',
    "null taken for text": 'must(duijie.GET("/v1/needs")).then((page) => page.next.length);',
}
RIGHT = [
    "declare const wx: { request(options: { url: string; fail?: (reason: { errMsg: string }) => void }): { abort(): void } };",
    'connect({ baseUrl: "https://example.org", transport: wxTransport(wx) }).setLanguage("en");',
    'export const known: ProblemCode = "not_allowed";',
    f'duijie.POST("/v1/needs", {{ body: {{ {NEED}, urgency: "urgent" }} }});',
    'duijie.GET("/v1/needs", { params: { query: { region: "51" } } });',
    'must(duijie.GET("/v1/needs")).then((page) => page.items[0]?.urgency ?? page.next?.length);',
]
VISIT = """
const [baseUrl = "", phone = "", password = "", asked = "", code = ""] = process.argv.slice(2);
const said: string[] = [];
const refused = (reason: unknown) => { if (reason instanceof Refused) said.push(reason.problem.code, reason.message); else throw reason; };

await connect({ baseUrl }).register(asked, { code });
await connect({ baseUrl }).signIn({ phone, password: "not this one" }).catch(refused);
await connect({ baseUrl, language: "en" }).signIn({ phone, password: "not this one" }).catch(refused);

const first: SessionOut[] = [];
await connect({ baseUrl, onSession: (session) => session && first.push(session) }).signIn({ phone, password });

const renewals: unknown[] = [];
const late = connect({ baseUrl, session: { ...first[0]!, access_token: "over" }, onSession: (session) => renewals.push(session) });
const both = await Promise.all([must(late.GET("/v1/me")), must(late.GET("/v1/me"))]);

const over = connect({ baseUrl, session: { ...first[0]!, access_token: "over" } });
await must(over.POST("/v1/appointments", { body: { account_id: both[0].id, role: "administrator", region: "51" } })).catch(refused);

const ended: unknown[] = [];
const lost = { ...first[0]!, access_token: "over", refresh_token: "none" };
const gone = connect({ baseUrl, session: lost, onSession: (session) => ended.push(session ?? null) });
await must(gone.GET("/v1/me")).catch(refused);
const tabs = [first[0]!, first[0]!].map((session) => connect({ baseUrl, session: { ...session, access_token: "over" } }));
for (const tab of [...tabs, ...tabs]) await must(tab.GET("/v1/me"));

const left: unknown[] = [];
let latest: SessionOut | undefined;
const leaver = connect({ baseUrl, onSession: (session) => (latest = session, left.push(session ?? null)) });
await leaver.signIn({ phone, password });
const kept = latest!;
await leaver.signOut();
await must(connect({ baseUrl, session: { ...kept, access_token: "over" } }).GET("/v1/me")).catch(refused);
const random = crypto.randomUUID;
Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
const made = new Set(Array.from({ length: 1000 }, newKey));
Object.defineProperty(crypto, "randomUUID", { value: random, configurable: true });

const ordered = Array.from({ length: 1000 }, newId);
const ids = both.map((me) => me.id);
console.log(JSON.stringify({ said, ids, renewals: renewals.length, ended, left: left.slice(-1), made: made.size, ordered }));
"""
MINI_PROGRAM = """
import http from "node:http";
const [baseUrl, phone, password] = process.argv.slice(2);
for (const name of ["fetch", "Request", "Response", "Headers", "FormData", "crypto", "URLSearchParams", "AbortController"]) {
  Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
}
const sent = [];
const wx = {
  request({ url, method, header, data, responseType, success, fail }) {
    if (!["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE"].includes(method)) return fail({ errMsg: `request:fail method ${method}` });
    sent.push(`${method} ${url.slice(baseUrl.length)}`);
    const request = http.request(url, { method, headers: header }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        const bytes = Buffer.concat(parts);
        const data = responseType === "arraybuffer" ? new Uint8Array(bytes).buffer : bytes.toString();
        success({ statusCode: answer.statusCode, header: answer.headers, data });
      });
    });
    request.on("error", (reason) => fail({ errMsg: `request:fail ${reason.message}` }));
    request.end(data);
  },
};
const sessions = [];
const duijie = connect({ baseUrl, transport: wxTransport(wx), onSession: (session) => sessions.push(session) });
const refused = [];
const note = (reason) => refused.push([reason.constructor.name, reason.problem?.code, reason.message]);
await duijie.signIn({ phone, password: "not this one" }).catch(note);
await must(duijie.POST("/v1/sessions", { headers: { "Accept-Language": "en" }, body: { phone, password: "not this one" } })).catch(note);
duijie.setLanguage("en");
await duijie.signIn({ phone, password: "not this one" }).catch(note);
await duijie.signIn({ phone, password });
const first = sessions.at(-1);
const over = { ...first, access_token: "over" };
const late = connect({ baseUrl, transport: wxTransport(wx), session: over, onSession: (session) => sessions.push(session) });
const { data, response } = await late.GET("/v1/me");
const header = { "If-Match": response.headers.get("ETag") };
const changed = await must(late.PATCH("/v1/me", { params: { header }, body: { name: "王五" } }));
const regions = await must(late.GET("/v1/regions", { params: { query: { codes: "51,5109" } } }));
await must(late.PATCH("/v1/me", { params: { header }, body: { name: "赵六" } })).catch(note);
const bytes = await must(late.GET("/v1/me", { parseAs: "arrayBuffer" }));
await late.hear(() => {}).catch(note);
await late.signOut();
await connect({ baseUrl: "http://127.0.0.1:1", transport: wxTransport(wx) }).GET("/v1/me").catch(note);
const names = [data.name, changed.name, JSON.parse(Buffer.from(bytes).toString()).name];
console.log(JSON.stringify({ sent, refused, names, regions, key: first.client_key ?? null, last: sessions.at(-1) ?? null }));
"""
TABS = """
const [baseUrl, phone, password, locks] = process.argv.slice(2);
if (locks !== "locks") Object.defineProperty(navigator, "locks", { value: undefined });
let kept;
const tab = () => connect({ baseUrl, session: kept, onSession: (session) => (kept = session), reload: () => kept });
await tab().signIn({ phone, password });
kept = { ...kept, access_token: "over" };
const tabs = [tab(), tab(), tab()];
const names = await Promise.all(tabs.map(async (one) => (await must(one.GET("/v1/me"))).name));
console.log(JSON.stringify(names));
"""


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    lint_api.install(lint_api.CLIENT)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a front end: right and wrong calls, and a visit."""
    folder = tmp_path_factory.mktemp("front-end")
    start = 'export const duijie = connect({ baseUrl: "http://127.0.0.1:8000" });'
    settings = {"extends": str(lint_api.CLIENT / "tsconfig.json"), "include": ["*.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    (folder / "wrong.ts").write_text(script(start, *WRONG.values()))
    (folder / "right.ts").write_text(script(start, *RIGHT))
    (folder / "visit.ts").write_text(script("declare const process: { argv: string[] };", VISIT))
    return folder


def register(address: str, phone: str) -> str:
    """Register a person and return the password."""
    password = "tian-dao 酬勤"
    wanted = {"kind": "donor", "phone": phone, "name": "李四", "password": password, "region": "51"}
    asked = httpx.post(f"{address}/v1/registrations", json=wanted, trust_env=False).json()["id"]
    code = derive_code(os.environ["CODE_KEYS"].encode(), "registration", UUID(asked))
    httpx.post(f"{address}/v1/registrations/{asked}/proof", json={"code": code}, trust_env=False).raise_for_status()
    return password


def run_module(folder: Path, name: str, lines: str, *words: str) -> Any:
    """Run a module of plain JavaScript; return what it prints."""
    (folder / name).write_text(f'import {{ connect, must, wxTransport }} from "{lint_api.CLIENT}/client.ts";\n{lines}')
    outcome = lint_api.run(lint_api.CLIENT, [str(folder / name), *words])
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_mini_program_has_all_but_streams(tmp_path: Path, served: tuple[str, list[Any]]) -> None:
    address, _ = served
    phone = "13800000002"
    found = run_module(tmp_path, "mini.mjs", MINI_PROGRAM, address, phone, register(address, phone))
    zh, en = "手机号或密码不正确，请重新输入", "The phone number or the password is not right. Enter them again."
    assert [one[1:] for one in found["refused"][:3]] == [["wrong_credentials", words] for words in (zh, en, en)]
    assert found["names"] == ["李四", "王五", "王五"]
    assert found["sent"].count("POST /v1/sessions/refresh") == 1
    assert found["sent"].count("POST /v1/me/change") == 2
    assert [one["code"] for one in found["regions"]["items"]] == ["51", "5109"]
    assert found["refused"][3][1] == "stale"
    assert "GET /v1/notices/unread-count" in found["refused"][4][2]
    assert found["refused"][5][0] == "TypeError"
    assert (found["key"], found["last"]) == (None, None)


@pytest.mark.parametrize("locks", ["locks", unguarded("none", "without locks, each tab renews")])
def test_tabs_that_share_a_session_renew_it_once(tmp_path: Path, served: tuple[str, list[Any]], locks: str) -> None:
    address, seen = served
    phone = "13800000003"
    assert run_module(tmp_path, "tabs.mjs", TABS, address, phone, register(address, phone), locks) == ["李四"] * 3
    assert [path for _, path, _ in seen].count("/v1/sessions/refresh") == 1


def script(*lines: str) -> str:
    names = "connect, must, newId, newKey, Refused, wxTransport, type ProblemCode, type SessionOut"
    return f'import {{ {names} }} from "{lint_api.CLIENT}/client.ts";\n' + "\n".join(lines)


def test_wrong_calls_do_not_compile_and_right_ones_do(project: Path) -> None:
    outcome = lint_api.run(lint_api.CLIENT, lint_api.compiled(project))
    faults = [line for line in outcome.stdout.splitlines() if ": error TS" in line]
    lines = {int(line.partition("wrong.ts(")[2].partition(",")[0]) for line in faults if "wrong.ts(" in line}
    assert lines == {line + 3 for line in range(len(WRONG))}, outcome.stdout
    assert [line for line in faults if "wrong.ts(" not in line] == []


def test_types_older_than_the_document_are_caught(tmp_path: Path) -> None:
    document = json.loads((lint_api.API / "openapi.json").read_text())
    document["components"]["schemas"]["NeedIn"]["properties"]["crop"] = {"type": "string"}
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    words = [str(tmp_path / "openapi.json") if word.endswith("openapi.json") else word for word in lint_api.fresh()]
    assert lint_api.run(lint_api.CLIENT, words).returncode != 0


@pytest.fixture
def served(database_of: Callable[[str, str], str]) -> Iterator[tuple[str, list[Any]]]:
    """The address of a running users service, and the requests that it receives."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    database = Database(database_of("users", "users_client"), name="client")
    app = create_app("users", api, database=database, keys=SigningKeys([pem]))
    seen: list[Any] = []
    app.before_request(lambda: seen.append((request.method, request.path, request.headers.get("Idempotency-Key"))))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    database.close()


def test_session_is_renewed_once_for_two_calls(project: Path, served: tuple[str, list[Any]]) -> None:
    address, seen = served
    wanted = {"kind": "donor", "phone": "13800000001", "name": "李四", "password": "tian-dao 酬勤", "region": "51"}
    asked = httpx.post(f"{address}/v1/registrations", json=wanted, trust_env=False).json()["id"]
    code = derive_code(os.environ["CODE_KEYS"].encode(), "registration", UUID(asked))
    words = [address, wanted["phone"], wanted["password"], asked, code]
    outcome = lint_api.run(lint_api.CLIENT, [str(project / "visit.ts"), *words])
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    wrong = [
        "wrong_credentials",
        "手机号或密码不正确，请重新输入",
        "wrong_credentials",
        "The phone number or the password is not right. Enter them again.",
    ]
    assert found["said"][:4] == wrong
    assert found["ids"][0] == found["ids"][1]
    assert found["renewals"] == 1
    assert found["said"][4] == "not_allowed"
    assert found["said"][6] == "sign_in_needed"
    assert found["ended"] == [None]
    assert found["left"] == [None]
    assert found["said"][8] == "sign_in_needed"
    assert found["made"] == 1000
    assert len({UUID(one) for one in found["ordered"]}) == 1000
    assert {UUID(one).version for one in found["ordered"]} == {7}
    keys = [key for method, path, key in seen if (method, path) == ("POST", "/v1/appointments")]
    assert len(keys) == 2
    assert keys[0] == keys[1] is not None
