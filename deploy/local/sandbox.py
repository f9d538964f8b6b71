"""The sandbox: invented people in real places, seeded once through the public API, then shown with commands to try."""

import csv
import json
import secrets
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from stdnum.cn import ric

from chassis.http.auth import VILLAGE_DIGITS
from deploy.local import telephones
from deploy.local.channels import connect_giver, connect_office
from deploy.local.client import ApiClient, RequestRefused, one_origin
from deploy.local.seed import Seed
from deploy.local.story import write_story

EDITION = 2
"""The edition of the seed: the printed story needs what this one plants."""
STORY_TOWN = "13900000004"
STORY_REGION = "510921101"
"""The township of the printed story, and its administrator."""
CONNECTED_GIVER = "13700000005"
"""A giver with a browser and WeChat. His pledges are matched while the sandbox is seeded."""

INVENTED = (
    "[bold]沙盒里的人、户、学校、帮扶方、慈善组织、电话、需求和金额全是虚构的，地名和区划代码才是真的。请勿填写真实的个人信息。\n"
    "Everybody and everything in the sandbox is invented: people, school, givers, charity, telephones, needs, sums.\n"
    "Only names and codes of places are real. Enter no real personal data.[/]"
)
OUTDATED = (
    "[bold red]这个沙盒由较早的版本生成，上面的脚本走不完：请停止后运行 make sandbox-reset，再 make run。\n"
    "This sandbox was seeded by an earlier release, so the story above stops half-way:"
    " stop the house, run `make sandbox-reset`, then `make run`.[/]"
)

HALF = "沙盒上次没有播种完：请运行 make sandbox-reset，再 make run。The seeding was interrupted: run `make sandbox-reset`, then `make run`."


def open_house(folder: Path, origin: str, variables: dict[str, str], console: Console) -> None:
    """Seed the sandbox once, show it, and announce that the house is ready."""
    kept = folder / "sandbox.json"
    state: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"password": secrets.token_urlsafe(9), "seeded": False}
    if kept.exists() and not state["seeded"]:
        sys.exit(HALF)
    if not state["seeded"]:
        _keep(kept, state)
        state |= {"second_factors": _seed(folder, origin, variables, state["password"], console), "edition": EDITION}
    is_complete = _complete(origin, state) and state.get("edition") == EDITION
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
    """Import the people and let them act; return the administrators' TOTP secrets by phone."""
    people = _people()
    seed = Seed(origin, password, people, _import(folder, variables, password, people))
    second_factors = {phone: seed.person(phone).set_up_second_factor() for phone in _above_villages(people)}
    connect_giver(seed.person(CONNECTED_GIVER), variables, "sandbox")
    connect_office(seed.person(STORY_TOWN), variables, origin, STORY_REGION)
    seed.plant(console)
    with console.status("到期 expiry"):
        subprocess.run([sys.executable, "-m", "deploy.local.expiry"], env=variables, check=True, stdout=subprocess.DEVNULL)
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


def _show(folder: Path, origin: str, state: dict[str, Any], console: Console) -> None:
    people, password, second_factors = _people(), state["password"], state.get("second_factors", {})
    console.print(INVENTED, soft_wrap=True)
    # Nothing is cut at 80 columns: neither a phone nor a secret could be used.
    table = Table(
        title=f"沙盒账号 sandbox accounts · 密码 password: [bold]{password}[/bold]", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("手机号 phone", "名称 name", "管理 manages", "动态验证码密钥 TOTP secret"):
        table.add_column(heading, no_wrap=True)
    for one in people["administrators"]:
        table.add_row(one["phone"], one["name"], one["manages"], second_factors.get(one["phone"], ""))
    for one in people["givers"][::6]:
        table.add_row(one["phone"], one["name"], one["kind"], "")
    console.print(table)
    story = write_story(folder, origin, second_factors.get(STORY_TOWN, ""))
    console.print("[bold]从一张不规整的需求表到送达 · from a crooked list to a delivery[/bold] (bash):")
    print(story, flush=True)
    console.print(f"首页 front page {origin}/ · 发件箱 outbox {origin}{telephones.PAGE} · 接口文档 API docs {origin}/docs/")
    console.print(f"以上脚本也在 the story is also in {folder / 'story.sh'}")
    print(f"Duijie is ready at {origin} (Ctrl-C stops it)", flush=True)
