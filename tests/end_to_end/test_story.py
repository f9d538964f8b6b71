"""The main story over HTTP: a need is posted, verified, matched, accepted, and everybody is notified."""

import io
import itertools
import json
import re
import secrets
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from PIL import Image
from rich.console import Console

from chassis.http.auth import VILLAGE_DIGITS
from deploy.local import sandbox
from deploy.local.client import ApiClient, RequestRefused
from deploy.local.sandbox import national_id
from deploy.services import services

from .conftest import World

T = TypeVar("T")
PASSWORD = "correct horse battery"
POINT = {"name": "便民服务中心", "address": "村委会旁 3 号", "hours": "每天 9:00—17:00", "telephone": "0825-5550123"}
CITY, COUNTY, TOWN, VILLAGE = "5109", "510981", "510981101", "510981101200"


def eventually(look: Callable[[], T | None], seconds: float = 30) -> T:
    """Return what `look` finds once the events have arrived; retry while it is refused."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
        except RequestRefused as refused:
            if time.monotonic() > deadline:
                raise AssertionError(f"still refused after {seconds} s") from refused
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing after {seconds} s")
        time.sleep(0.05)


def phone() -> str:
    return f"135{secrets.randbelow(10**8):08d}"


def is_shut(person: ApiClient, door: str) -> bool:
    """Tell whether a hand-over answers nothing more."""
    try:
        return not person.get(door)
    except RequestRefused as refused:
        return refused.status == 404


def refusal(act: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(RequestRefused) as caught:
        act()
    return caught.value.status, caught.value.code


class Cast:
    """The people of one story: registered, appointed from above, signed in.

    City and township are the same for all stories of a world; each story has a village, a village administrator and a donor of its own.
    """

    places, numbers = itertools.count(1), itertools.count(50_000)

    def __init__(self, world: World) -> None:
        self.world = world
        villages = [one["code"] for one in world.client().get(f"/v1/regions/{TOWN}/children")["items"]]
        self.village_code = villages[next(self.places) % len(villages)]
        if not world.above:
            city = self.first_appointed()
            world.above |= {"city": city, "town": self.appointed(city, TOWN)}
            eventually(lambda: city.put(f"/v1/catalogue/rules?region={CITY}", {"sets": ["pandemic"]}))
        self.city, self.town = world.above["city"], world.above["town"]
        self.village = self.appointed(self.town, self.village_code)
        self.donor = self.registered("donor")

    def first_appointed(self) -> ApiClient:
        number, secret = phone(), self.world.folder / "first-password"
        secret.write_text(PASSWORD)
        words = ("--phone", number, "--name", "市管理员", "--region", CITY, "--password-file", str(secret))
        self.world.command("users.appoint_first", *words)
        city = self.world.client().sign_in(number, PASSWORD)
        city.set_up_second_factor()
        return city

    def registered(self, kind: str) -> ApiClient:
        return self.world.registered(kind=kind, phone=phone(), name="某人", password=PASSWORD, region=CITY)

    def appointed(self, by: ApiClient, region: str) -> ApiClient:
        person = self.registered("staff")
        offered = by.post("/v1/appointments", {"account_id": person.get("/v1/me")["id"], "region": region})
        person.post(f"/v1/appointments/{offered['id']}/confirmation")
        if len(region) < VILLAGE_DIGITS:
            person.set_up_second_factor()
        return person

    def household(self, **more: Any) -> dict[str, Any]:
        body = {
            "name": "某户",
            "national_id": national_id(next(self.numbers), VILLAGE),
            "region": self.village_code,
            **more,
        }
        made: dict[str, Any] = self.village.post("/v1/households", body)
        return made


@pytest.fixture
def cast(world: World) -> Cast:
    return Cast(world)


def need_of(household: dict[str, Any], **changes: Any) -> dict[str, Any]:
    stated = {"household_id": household["id"], "consent": "slip", "category": "medical.crutch", "quantity": 3, "urgency": "urgent"}
    return stated | {"reason": "摔伤了腿"} | changes


def pledge(**changes: Any) -> dict[str, Any]:
    until, keeps = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (60, 360))
    stated = {"category": "medical.crutch", "unit": "piece", "quantity": 5, "region": TOWN}
    return stated | {"valid_until": until, "best_before": keeps} | changes


def published(cast: Cast, **changes: Any) -> dict[str, Any]:
    household = cast.household()
    need = eventually(lambda: cast.village.post("/v1/needs", need_of(household, **changes)))
    return dict(eventually(lambda: cast.town.post(f"/v1/needs/{need['id']}/verification")))


def proposed(giver: ApiClient, need: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((match for match in giver.every("/v1/matches", state="proposed") if match["need_id"] == need["id"]), None)

    return eventually(look)


def notices(person: ApiClient, about: str) -> set[str]:
    return {notice["kind"] for notice in person.every("/v1/notices") if notice["about"] == about}


def test_need_is_posted_matched_accepted_and_both_are_notified(cast: Cast) -> None:
    offered = cast.donor.post("/v1/pledges", pledge())
    need = published(cast)
    match = proposed(cast.donor, need)
    assert match["quantity"] == 3
    assert {reason["code"] for reason in match["reasons"]} == {"same_item", "covers_whole", "urgency", "waiting_days", "within"}
    accepted = cast.donor.post(f"/v1/matches/{match['id']}/acceptance")
    assert accepted["state"] == "accepted"
    for side in (cast.donor, cast.village):
        eventually(lambda side=side: "match_accepted" in notices(side, match["id"]))
    assert eventually(lambda: cast.village.get(f"/v1/needs/{need['id']}")["accepted"]) == 3
    assert eventually(lambda: cast.donor.get(f"/v1/pledges/{offered['id']}")["accepted"]) == 3
    assert cast.donor.get("/v1/notices/unread-count")["unread"] >= 1
    cast.donor.post("/v1/notices/reading")
    assert cast.donor.get("/v1/notices/unread-count")["unread"] == 0


def test_promise_is_sent_received_by_slip_and_counted(cast: Cast) -> None:
    offered = cast.donor.post("/v1/pledges", pledge(category="medical.thermometer", quantity=10))
    need = published(cast, category="medical.thermometer", quantity=10)
    path = f"/v1/matches/{proposed(cast.donor, need)['id']}"
    door = f"/v1/handovers/{path.rpartition('/')[2]}"
    assert refusal(lambda: cast.donor.get(door)) == (404, "not_found")
    cast.village.post("/v1/places", POINT | {"region": cast.village_code})
    cast.donor.post(f"{path}/acceptance", {"quantity": 8})
    seen = eventually(lambda: cast.donor.get(door))
    assert (seen["place"]["address"], seen["village_contact"]["telephone"]) == (POINT["address"], POINT["telephone"])
    assert seen["household_contact"] is None
    assert cast.village.get(door)["giver_contact"]["telephone"][-4:] == cast.donor.get("/v1/me")["phone"][-4:]
    eventually(lambda: cast.donor.get(f"{path}/label")["recipient"] == POINT["name"])
    token = printed_slip(cast, path)
    guest = cast.world.client()
    assert refusal(lambda: guest.post("/v1/slips", {"token": token})) == (409, "state_conflict")
    cast.donor.post(f"{path}/sending", {"carrier": "sf", "tracking_number": "SF1234567890"})
    eventually(lambda: "match_sent" in notices(cast.village, path.rpartition("/")[2]))
    assert guest.post("/v1/slips/reading", {"token": token})["sent"] == 8
    assert guest.post("/v1/slips", {"token": token, "quantity": 5, "reason": "damaged"})["state"] == "received"
    assert refusal(lambda: guest.post("/v1/slips", {"token": token, "quantity": 8})) == (409, "slip_used")
    assert cast.village.post(f"{path}/closing")["ended_because"] == "partly_delivered"
    eventually(lambda: is_shut(cast.donor, door))
    looks = cast.village.get("/v1/users/audit", act="get_handover", person_id=cast.village.get("/v1/me")["id"])["items"]
    assert {look["subject_id"] for look in looks} == {door.rpartition("/")[2]}
    for side in (cast.donor, cast.village):
        eventually(lambda side=side: {"match_received", "match_closed"} <= notices(side, path.rpartition("/")[2]))
    shown = eventually(lambda: (found := cast.village.get(f"/v1/needs/{need['id']}"))["delivered"] and found)
    assert (shown["accepted"], shown["delivered"]) == (5, 5)
    assert eventually(lambda: cast.donor.get(f"/v1/pledges/{offered['id']}")["delivered"]) == 5
    figures = eventually(lambda: (found := cast.village.get("/v1/rates", region=cast.village_code)["figures"])["delivered"] and found)
    assert 0 < figures["match_rate"]["delivered"] < figures["match_rate"]["weighted"]
    # What is left of both would be matched with those of the next story.
    cast.donor.post(f"/v1/pledges/{offered['id']}/withdrawal")
    cast.village.post(f"/v1/needs/{need['id']}/withdrawal")


def test_delivery_is_shown_thanked_rated_and_raises_reliability(cast: Cast) -> None:
    # An administrator has one unread notice of a kind, perhaps from another story.
    for official in (cast.town, cast.city):
        official.post("/v1/notices/reading")
    cast.donor.post("/v1/pledges", pledge(category="medical.faceshield", quantity=4))
    need = published(cast, category="medical.faceshield", quantity=4)
    path = f"/v1/matches/{proposed(cast.donor, need)['id']}"
    cast.donor.post(f"{path}/acceptance")
    cast.donor.post(f"{path}/sending", {"carrier": "in_person"})
    cast.village.post(f"{path}/receipt", {"quantity": 3, "reason": "short"})
    # Else the piece that is missing would get part of what the next such story pledges.
    cast.village.post(f"/v1/needs/{need['id']}/withdrawal")
    shown = [client.ask("POST", to, {"Content-Type": "image/png"}, content=picture()) for client, to in (
        (cast.donor, f"{path}/photos"), (cast.village, f"{path}/thanks-photos"),
    )]  # fmt: skip
    assert len(cast.village.get(f"{path}/photos")["items"]) == 2
    thanks = cast.village.post(f"{path}/thanks", {"text": "谢谢您", "photo_id": shown[1]["id"]})
    assert refusal(lambda: cast.village.post(f"/v1/thanks/{thanks['id']}/release")) == (403, "own_thanks")
    assert refusal(lambda: cast.donor.get(f"/v1/photos/{shown[1]['id']}")) == (404, "not_found")
    eventually(lambda: "thanks_written" in notices(cast.town, thanks["id"]))
    cast.town.post(f"/v1/thanks/{thanks['id']}/release")
    eventually(lambda: "thanks_given" in notices(cast.donor, thanks["id"]))
    assert cast.donor.get("/v1/thanks")["items"][0]["text"] == thanks["text"]
    assert cast.donor.get(f"/v1/photos/{shown[1]['id']}")["width"] == 8
    cast.village.post(f"{path}/rating", {"stars": 5})
    assert cast.donor.post(f"{path}/rating", {"stars": 4})["theirs"]["stars"] == 5
    reliability = cast.village.get(f"{path}/reliability")
    assert [reason["code"] for reason in reliability["reasons"]] == ["delivery", "rating", "start"]
    # Everybody starts where the givers of the house stand, so other stories count a little.
    assert 75 < reliability["percent"] < 90
    [mark] = [mark for mark in cast.donor.get("/v1/marks")["items"] if mark["bad"]]
    appeal = cast.donor.post(f"/v1/marks/{mark['id']}/appeal", {"text": "送到的是四件"})
    eventually(lambda: "appeal_lodged" in notices(cast.city, appeal["id"]))
    cast.city.post(f"/v1/appeals/{appeal['id']}/decision", {"outcome": "upheld", "answer": "照片上是四件"})
    eventually(lambda: "appeal_decided" in notices(cast.donor, appeal["id"]))
    assert [reason["code"] for reason in cast.donor.get("/v1/reliability")["reasons"]] == ["rating", "start"]


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    return file.getvalue()


def printed_slip(cast: Cast, path: str) -> str:
    """Read the token from the QR code of a printed slip."""
    [address] = re.findall(rb"/URI ?\((.*?)\)", cast.village.file(f"{path}/slip"))
    return str(address.decode().partition("#")[2])


def test_a_household_with_a_phone_posts_for_itself_and_is_told(cast: Cast) -> None:
    number = phone()
    cast.household(phone=number)
    household = cast.world.registered(kind="household", phone=number, name="某户")
    wanted = {"category": "medical.wheelchair", "quantity": 1, "reason": "行动不便"}
    need = eventually(lambda: household.post("/v1/needs", wanted))
    eventually(lambda: cast.town.post(f"/v1/needs/{need['id']}/verification"))
    eventually(lambda: "need_published" in notices(household, need["id"]))
    cast.donor.post("/v1/pledges", pledge(category="medical.wheelchair", quantity=1))
    match = proposed(cast.donor, need)
    assert eventually(lambda: "match_proposed" in notices(household, match["id"]))
    assert eventually(lambda: any("提供 1 辆轮椅" in notice["text"] for notice in household.every("/v1/notices")))


def test_refused_need_reaches_others_after_a_pledge_change(cast: Cast) -> None:
    other = cast.registered("merchant")
    offered = cast.donor.post("/v1/pledges", pledge(category="medical.goggles", quantity=2))
    need = published(cast, category="medical.goggles", quantity=2)
    match = proposed(cast.donor, need)
    other.post("/v1/pledges", pledge(category="medical.goggles", quantity=2))
    cast.donor.post(f"/v1/matches/{match['id']}/refusal", {"reason": "out_of_stock"})
    assert proposed(other, need)["quantity"] == 2
    changed = cast.donor.patch(f"/v1/pledges/{offered['id']}", {"quantity": 1}, offered["version"])
    eventually(lambda: cast.donor.get(f"/v1/pledges/{offered['id']}")["answered_version"] == changed["version"])
    assert "pledge_released" in eventually(lambda: notices(cast.donor, offered["id"]))


def test_a_donor_claims_a_need_of_their_choice(cast: Cast) -> None:
    need = published(cast, category="medical.papr", quantity=2)
    offered = cast.donor.post("/v1/pledges", pledge(category="medical.papr", quantity=2, region=CITY))
    match = proposed(cast.donor, need)
    cast.donor.post(f"/v1/matches/{match['id']}/refusal", {"reason": "other"})
    claim = {"need_id": need["id"], "pledge_id": offered["id"], "quantity": 1}
    claimed = eventually(lambda: cast.donor.post("/v1/claims", claim))
    assert (claimed["state"], claimed["quantity"]) == ("accepted", 1)
    eventually(lambda: "match_accepted" in notices(cast.village, claimed["id"]))


def test_nobody_reaches_what_is_not_theirs(cast: Cast) -> None:
    household = cast.household()
    need = eventually(lambda: cast.village.post("/v1/needs", need_of(household)))
    stranger = cast.appointed(cast.city, COUNTY[:4] + "03")
    guest = cast.world.client()
    assert refusal(lambda: guest.post("/v1/needs", need_of(household))) == (401, "sign_in_needed")
    assert refusal(lambda: cast.donor.post("/v1/needs", need_of(household))) == (403, "not_allowed")
    assert refusal(lambda: stranger.post("/v1/needs", need_of(household))) == (422, "unknown_household")
    assert refusal(lambda: stranger.post(f"/v1/needs/{need['id']}/verification")) == (404, "not_found")
    assert refusal(lambda: cast.village.post(f"/v1/needs/{need['id']}/verification")) == (403, "own_need")
    assert refusal(lambda: guest.get(f"/v1/needs/{need['id']}")) == (404, "not_found")
    assert refusal(lambda: stranger.get(f"/v1/households/{household['id']}")) == (404, "not_found")
    assert refusal(lambda: cast.village.post("/v1/appointments", {"account_id": stranger.get("/v1/me")["id"], "region": CITY}))[0] in {
        403,
        404,
    }


def test_the_same_post_sent_twice_is_done_once(cast: Cast) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    body = pledge(category="medical.cap")
    first, second = cast.donor.post("/v1/pledges", body, **key), cast.donor.post("/v1/pledges", body, **key)
    assert first["id"] == second["id"]
    assert refusal(lambda: cast.donor.post("/v1/pledges", body | {"quantity": 6}, **key)) == (422, "key_reused")
    assert len([one for one in cast.donor.every("/v1/pledges/mine") if one["category"] == "medical.cap"]) == 1


def test_parallel_requests_renew_an_expired_session_once(cast: Cast) -> None:
    asked: list[str] = []
    cast.donor._client.event_hooks["request"].append(lambda request: asked.append(request.url.path))
    cast.donor._token = "over"
    with ThreadPoolExecutor(8) as pool:
        assert len({me["id"] for me in pool.map(lambda _: cast.donor.get("/v1/me"), range(8))}) == 1
    assert asked.count("/v1/sessions/refresh") == 1


def test_a_dismissed_administrator_can_do_nothing_any_more(cast: Cast) -> None:
    helper = cast.appointed(cast.town, cast.village_code)
    household = cast.household()
    eventually(lambda: helper.post("/v1/needs", need_of(household)))
    appointment = next(one for one in helper.every("/v1/appointments") if one["account_id"] == helper.get("/v1/me")["id"])
    cast.town.post(f"/v1/appointments/{appointment['id']}/dismissal")

    def refused() -> bool:
        try:
            helper.post("/v1/needs", need_of(household))
        except RequestRefused as problem:
            return problem.code in {"sign_in_needed", "session_ended"}
        return False

    assert eventually(refused), "the end of the last office ends the sessions"


def test_the_pages_of_the_api_come_from_this_house_alone(embedded: World) -> None:
    address = embedded.origin("/docs/")
    page = httpx.get(f"{address}/docs/", trust_env=False).text
    assert "swagger-ui" in page
    named = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert not [link for link in named if link.startswith(("http:", "https:", "//"))]
    assert all(
        httpx.get(f"{address}/docs/{link.removeprefix('./')}", trust_env=False).status_code == 200 for link in named if link[:1] == "."
    )
    for service in services():
        document = httpx.get(f"{address}/openapi/{service}.json", trust_env=False).json()
        assert document["openapi"].startswith("3.1")
        assert document["paths"]


def reopen(world: World, without: str, console: Console) -> dict[str, Any]:
    """Open the sandbox as if it did not know somebody's second factor; return what it knows afterwards."""
    kept, origin = world.folder / "sandbox.json", world.origin("")
    state = json.loads(kept.read_text())
    state["second_factors"].pop(without)
    kept.write_text(json.dumps(state))
    sandbox.open_house(world.folder, origin, world.environment, console)
    known: dict[str, Any] = json.loads(kept.read_text())["second_factors"]
    return known


def test_sandbox_of_an_earlier_release_is_completed_or_says_so(embedded: World, capsys: pytest.CaptureFixture[str]) -> None:
    province, town = "13900000001", "13900000004"
    kept = embedded.folder / "sandbox.json"
    before = kept.read_text()
    # As a release before second factors left it: nobody has any.
    embedded.command("users.reset_second_factor", "--phone", province)
    said = io.StringIO()
    secret = reopen(embedded, province, Console(file=said, width=500))[province]
    assert "sandbox-reset" not in said.getvalue()
    password = json.loads(before)["password"]
    assert embedded.client().sign_in(province, password).give_second_factor(secret).get("/v1/me")["second_factor"] == "given"
    before = kept.read_text()
    # Somebody else set up the township's, so that nobody here knows it.
    assert town not in reopen(embedded, town, Console(file=said, width=500))
    assert "make sandbox-reset" in said.getvalue()
    # A seed without what the story needs.
    kept.write_text(json.dumps({name: value for name, value in json.loads(before).items() if name != "edition"}))
    said = io.StringIO()
    sandbox.open_house(embedded.folder, embedded.origin(""), embedded.environment, Console(file=said, width=500))
    assert "make sandbox-reset" in said.getvalue()
    kept.write_text(before)
    sandbox.open_house(embedded.folder, embedded.origin(""), embedded.environment, Console(file=io.StringIO()))
    capsys.readouterr()


def test_the_printed_story_works_word_for_word(embedded: World) -> None:
    told = (embedded.folder / "said").read_text().partition("(bash):\n")[2].partition("首页 front page")[0]
    page = re.findall(r"```sh\n(.*?)```", Path("docs/walk.md").read_text("utf-8"), re.S)
    script = Path(embedded.folder / "copied.sh")
    script.write_text("\n".join([told, "echo the walk", *page]))
    outcome = subprocess.run(["bash", "-euo", "pipefail", str(script)], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    story, _, walk = outcome.stdout.partition("the walk\n")
    lines = story.splitlines()
    assert lines[0].startswith("3 held 电暖炉 None household.heater household.stove")
    assert [line.split()[:3] for line in lines[1:3]] == [["4", "ready", "棉衣"], ["5", "refused", "跑步机"]]
    assert story.count("'outcome': 'done'") == 2
    steps = ["waiting", "accepted", "sent", "received", "released", "教室暖和了，孩子们谢谢您。", "delivered"]
    assert [line for line in lines if line in steps] == steps
    assert "地址：四川省遂宁市蓬溪县新会镇猫山村 1 组村委会院内" in lines
    assert lines[-1].startswith("404")
    steps = ["checked", "importing", "done", "returned", "posted", "published", "1"]
    assert list(dict.fromkeys(line for line in walk.splitlines() if line in steps)) == steps
    assert "'new': 1" in walk
    assert "'nearness': 'city'" in walk
