"""The sandbox: invented people in real places, seeded once through the public API, then shown with commands to try."""

import csv
import json
import os
import secrets
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from stdnum.cn import ric

from chassis.http.auth import VILLAGE_DIGITS
from deploy.local import telephones
from deploy.local.client import ApiClient, RequestRefused, one_origin

STORY = """\
# 1 · 村管理员凭短信验证码登录，短信见 {origin}/sandbox/telephones · the village's administrator signs in by a code, which that page shows
field() {{ python3 -c 'import json,sys; print(json.load(sys.stdin)["'$1'"])'; }}
first() {{ python3 -c 'import json,sys; print(json.load(sys.stdin)["items"][0]["'${{1:-id}}'"])'; }}
code() {{ for _ in {{1..100}}; do curl -sS "{origin}/sandbox/telephones.json?phone=$1&about=$2" | first code 2>/dev/null && return; sleep 0.2; done; }}
sign_in() {{
  local ASKED=$(curl -sS --fail-with-body {origin}/v1/sessions/codes -H 'Content-Type: application/json' -d '{{"phone":"'$1'"}}' | field id)
  curl -sS --fail-with-body {origin}/v1/sessions/codes/$ASKED/proof -H 'Content-Type: application/json' -d '{{"code":"'$(code $1 $ASKED)'"}}' | field access_token
}}
VILLAGE=$(sign_in {village})

# 2 · 为一户人家代发布需求 · and posts a need on behalf of a household
HOUSEHOLD=$(curl -sS --fail-with-body {origin}/v1/households -H "Authorization: Bearer $VILLAGE" | first)
NEED=$(curl -sS --fail-with-body {origin}/v1/needs -H "Authorization: Bearer $VILLAGE" -H 'Content-Type: application/json' \\
  -d '{{"household_id":"'$HOUSEHOLD'","consent":"slip","category":"clothing.coat","quantity":2,"urgency":"urgent","reason":"两个孩子缺过冬的棉衣"}}' | field id)

# 3 · 镇管理员输入动态验证码后审核 · the township gives its second factor and verifies it
totp() {{ python3 -c 'import base64,hmac,struct,time; d=hmac.digest(base64.b32decode("'$1'"),struct.pack(">Q",int(time.time())//30),"sha1"); print("%06d" % ((struct.unpack(">I",d[(o:=d[-1]&15):o+4])[0]&0x7fffffff)%10**6))'; }}
second_factor() {{ curl -sS --fail-with-body {origin}/v1/sessions/second-factor -H "Authorization: Bearer $1" -H 'Content-Type: application/json' -d '{{"code":"'$(totp $2)'"}}' | field access_token; }}
TOWN=$(second_factor $(sign_in {town}) {town_secret})
curl -sS --fail-with-body {origin}/v1/needs/$NEED/verification -H "Authorization: Bearer $TOWN" -H 'Content-Type: application/json' -d '{{}}'; echo

# 4 · 系统自动对接，商家收到建议并接受 · it is matched by itself; the merchant is asked, and accepts
MERCHANT=$(sign_in {merchant}); sleep 3
MATCH=$(curl -sS --fail-with-body "{origin}/v1/matches?state=proposed&limit=1" -H "Authorization: Bearer $MERCHANT" | first)
curl -sS --fail-with-body {origin}/v1/matches/$MATCH/acceptance -H "Authorization: Bearer $MERCHANT" -H 'Content-Type: application/json' -d '{{}}'; echo; sleep 2

# 5 · 商家看到收货点和联系人 · the merchant sees where the coats go, and whom to call
for _ in {{1..50}}; do curl -sf {origin}/v1/handovers/$MATCH -H "Authorization: Bearer $MERCHANT" && break; sleep 0.2; done; echo

# 6 · 双方都收到通知 · both sides have been told
curl -sS --fail-with-body "{origin}/v1/notices?limit=1" -H "Authorization: Bearer $VILLAGE"; echo
curl -sS --fail-with-body "{origin}/v1/notices?limit=1" -H "Authorization: Bearer $MERCHANT"; echo
"""  # noqa: E501


OUTDATED = (
    "[bold red]这个沙盒由较早的版本生成，上面的脚本走不完：请停止后运行 make sandbox-reset，再 make run。\n"
    "This sandbox was seeded by an earlier release, so the story above stops half-way:"
    " stop the house, run `make sandbox-reset`, then `make run`.[/]"
)


def open_house(folder: Path, origin: str, variables: dict[str, str], console: Console) -> None:
    """Seed the sandbox once, show it, and announce that the house is ready."""
    kept = folder / "sandbox.json"
    state: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"password": secrets.token_urlsafe(9), "seeded": False}
    if not state["seeded"]:
        _keep(kept, state)
        state["second_factors"] = _seed(folder, origin, variables, state["password"], console)
    is_complete = _complete(origin, state)
    _keep(kept, state | {"seeded": True})
    _show(folder, origin, state, console)
    if not is_complete:
        console.print(OUTDATED)


def _complete(origin: str, state: dict[str, Any]) -> bool:
    """Set up the second factors that a release before them did not; return whether every administrator above a village has one we know."""
    known = state.setdefault("second_factors", {})
    try:
        for phone in _above_villages(_people()):
            if phone not in known:
                known[phone] = ApiClient(one_origin(origin)).sign_in(phone, state["password"]).set_up_second_factor()
    except RequestRefused:
        return False
    return True


def _above_villages(people: dict[str, Any]) -> list[str]:
    """List the phones of the administrators who act with a second factor."""
    return [one["phone"] for one in people["administrators"] if len(one["manages"]) < VILLAGE_DIGITS]


def _people() -> dict[str, Any]:
    return tomllib.loads(files("deploy.local").joinpath("sandbox.toml").read_text("utf-8"))


def _keep(path: Path, state: dict[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(state))


def _seed(folder: Path, origin: str, variables: dict[str, str], password: str, console: Console) -> dict[str, str]:
    """Import the people, add collection points and charities, post, pledge; return the administrators' TOTP secrets by phone."""
    people = _people()
    households = _import(folder, variables, password, people)
    administrators = {one["phone"]: ApiClient(one_origin(origin)).sign_in(one["phone"], password) for one in people["administrators"]}
    second_factors = {phone: administrators[phone].set_up_second_factor() for phone in _above_villages(people)}
    for number, point in enumerate(people["places"]):
        holder = next(one["phone"] for one in people["administrators"] if one["manages"] == point["region"])
        _patiently(administrators[holder], "/v1/places", point, f"sandbox-place-{number}")
    for charity in people["charities"]:
        holder = next(one["phone"] for one in people["administrators"] if one["manages"] == charity["region"])
        _patiently(administrators[holder], "/v1/charities", charity, f"sandbox-charity-{charity['registration_number']}")
    with Progress(console=console) as progress:
        posting = progress.add_task("需求 needs", total=len(people["needs"]))
        pledging = progress.add_task("爱心意向 pledges", total=len(people["givers"]))
        with ThreadPoolExecutor(2) as pool:
            jobs = [
                pool.submit(_post_needs, origin, password, people, households, administrators, lambda: progress.advance(posting)),
                pool.submit(_offer_pledges, origin, password, people["givers"], lambda: progress.advance(pledging)),
            ]
            for job in jobs:
                job.result()
    return second_factors


def _import(folder: Path, variables: dict[str, str], password: str, people: dict[str, Any]) -> list[dict[str, str]]:
    """Import all accounts with the operators' command; return the households with id, village and phone, if any."""
    rows = [{"kind": "staff", "password": password, "region": one["manages"], **one} for one in people["administrators"]]
    rows += [{"kind": one["kind"], "name": one["name"], "phone": one["phone"], "password": password} for one in people["givers"]]
    first_household = len(rows) + 2
    for village in people["villages"]:
        for place, name in enumerate(village["households"]):
            row = {
                "kind": "household",
                "name": name,
                "region": village["code"],
                "status": "registered",
                "national_id": national_id(len(rows), village["code"]),
            }
            rows.append(row | ({"phone": f"136{len(rows):08d}", "password": password} if place < 2 else {}))
    listed, ids = folder / "sandbox.csv", folder / "sandbox-ids.csv"
    columns = ["kind", "phone", "name", "password", "region", "manages", "national_id", "status"]
    listed.touch(mode=0o600)
    with listed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    command = [sys.executable, "-m", "users.import_accounts", str(listed), "--ids", str(ids)]
    try:
        subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
        with ids.open(encoding="utf-8", newline="") as file:
            known = {int(row["row"]): row for row in csv.DictReader(file)}
    finally:
        listed.unlink()
        ids.unlink(missing_ok=True)
    return [
        {"id": known[number]["household_id"], "village": row["region"], "phone": row.get("phone", "")}
        for number, row in enumerate(rows, start=2)
        if number >= first_household
    ]


def national_id(number: int, village: str) -> str:
    """Return a valid national id that belongs to nobody: its owner would have been born around 1900."""
    year, day = divmod(number // 1000, 28)
    digits = f"{village[:6]}{1900 + year}{1:02d}{day + 1:02d}{number % 1000:03d}"
    return digits + str(ric.calc_check_digit(digits + "0"))


def _post_needs(
    origin: str, password: str, people: dict[str, Any], households: list[dict[str, str]], administrators: dict[str, ApiClient], advance: Any
) -> None:
    clients = dict(administrators)

    def signed_in(phone: str) -> ApiClient:
        if phone not in clients:
            clients[phone] = ApiClient(one_origin(origin)).sign_in(phone, password)
        return clients[phone]

    for number, wanted in enumerate(people["needs"]):
        household = households[wanted["household"]]
        agent = next(one for one in people["administrators"] if one["manages"] == household["village"])
        above = [one for one in people["administrators"] if household["village"].startswith(one["manages"]) and one is not agent]
        verifier = max(above, key=lambda one: len(one["manages"]))
        body = {"category": wanted["item"], **{name: wanted[name] for name in ("quantity", "urgency", "reason")}}
        if not household["phone"]:
            body |= {"household_id": household["id"], "consent": "slip"}
        poster = signed_in(household["phone"] or agent["phone"])
        need = _patiently(poster, "/v1/needs", body, f"sandbox-need-{number}")
        if not wanted.get("unverified") and need["state"] == "posted":
            _patiently(signed_in(verifier["phone"]), f"/v1/needs/{need['id']}/verification", {}, f"sandbox-verification-{number}")
        advance()


def _offer_pledges(origin: str, password: str, givers: Iterable[dict[str, Any]], advance: Any) -> None:
    until = (datetime.now(UTC) + timedelta(days=365)).replace(microsecond=0).isoformat()
    for number, giver in enumerate(givers):
        kind, category, unit, quantity, region, note = giver["pledge"]
        body = {
            "kind": kind,
            "category": category,
            "unit": unit,
            "quantity": quantity,
            "region": region,
            "note": note,
            "valid_until": until,
        }
        _patiently(ApiClient(one_origin(origin)).sign_in(giver["phone"], password), "/v1/pledges", body, f"sandbox-pledge-{number}")
        advance()


def _patiently(client: ApiClient, path: str, body: dict[str, Any], key: str) -> Any:
    """Post, and retry until the events about registrations and appointments have reached the service."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return client.post(path, body, **{"Idempotency-Key": key})
        except RequestRefused as refused:
            if refused.code not in {"unknown_household", "not_found", "township_verifies", "in_progress"} or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _show(folder: Path, origin: str, state: dict[str, Any], console: Console) -> None:
    people, password, second_factors = _people(), state["password"], state.get("second_factors", {})
    table = Table(title=f"沙盒账号 sandbox accounts · 密码 password: [bold]{password}[/bold]", title_justify="left")
    for heading in ("身份 who", "手机号 phone", "名称 name", "管理 manages", "动态验证码密钥 TOTP secret"):
        table.add_column(heading)
    for one in people["administrators"]:
        table.add_row("管理员 administrator", one["phone"], one["name"], one["manages"], second_factors.get(one["phone"], ""))
    for one in people["givers"][::6]:
        table.add_row(one["kind"], one["phone"], one["name"], "", "")
    console.print(table)
    parts = {"village": "13900000005", "town": "13900000004", "merchant": "13700000015"}
    parts["town_secret"] = second_factors.get(parts["town"], "")
    story = STORY.format(origin=origin, **parts)
    _keep_story(folder / "story.sh", story)
    console.print("[bold]发布第一条需求 · post the first need[/bold] (bash):")
    print(story, flush=True)
    console.print(f"首页 front page {origin}/ · 短信 SMS {origin}{telephones.PAGE} · 接口文档 API docs {origin}/docs/")
    console.print(f"以上脚本也在 the story is also in {folder / 'story.sh'}")
    print(f"Duijie is ready at {origin} (Ctrl-C stops it)", flush=True)


def _keep_story(path: Path, story: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(story)
