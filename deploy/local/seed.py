"""The seed of the sandbox, over HTTP: rules of regions, institutions, needs in every state, pledges of every kind, deliveries."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.progress import Progress

from deploy.local.client import ApiClient, RequestRefused, one_origin
from deploy.local.drawing import draw_roof, draw_slip

SECONDS = 60
"""Time for events to reach the services that answer."""
LATER = {"unknown_household", "unknown_need", "not_found", "township_verifies", "in_progress", "state_conflict"}
"""Refusals that end once the events about registrations, appointments, needs and matches have arrived."""


class Seed:
    """The people of the sandbox, each signed in once, and the ids of what they made."""

    def __init__(self, origin: str, password: str, people: Mapping[str, Any], households: list[dict[str, str]]) -> None:
        self._origin, self._password, self._people, self._households = origin, password, people, households
        self._clients: dict[str, ApiClient] = {}
        self._signing_in = threading.Lock()
        self._needs: dict[tuple[int, str], dict[str, Any]] = {}

    def person(self, phone: str) -> ApiClient:
        """Return somebody's client, signed in."""
        with self._signing_in:
            if phone not in self._clients:
                self._clients[phone] = ApiClient(one_origin(self._origin)).sign_in(phone, self._password)
            return self._clients[phone]

    def plant(self, console: Console) -> None:
        """Make everything that the sandbox shows."""
        self._set_rules()
        needs, givers = self._people["needs"], self._people["givers"]
        with Progress(console=console) as progress:
            posting, pledging = progress.add_task("需求 needs", total=len(needs)), progress.add_task("爱心意向 pledges", total=len(givers))
            with ThreadPoolExecutor(2) as pool:
                jobs = [
                    pool.submit(self._post_needs, lambda: progress.advance(posting)),
                    pool.submit(self._offer_pledges, lambda: progress.advance(pledging)),
                ]
                for job in jobs:
                    job.result()
            self._go_on(progress)

    def _administrators(self, village: str) -> list[ApiClient]:
        """List the administrators of a village and of the regions around it, the nearest first."""
        around = [one for one in self._people["administrators"] if village.startswith(one["manages"])]
        return [self.person(one["phone"]) for one in sorted(around, key=lambda one: -len(one["manages"]))]

    def _manager(self, region: str) -> ApiClient:
        """Return the administrator of just this region."""
        return self.person(next(one["phone"] for one in self._people["administrators"] if one["manages"] == region))

    def _set_rules(self) -> None:
        """Name collection points, charities and institutions; set the catalogue's rules and the county's threshold."""
        for number, point in enumerate(self._people["places"]):
            patiently(self._manager(point["region"]), "/v1/places", point, f"sandbox-place-{number}")
        for charity in self._people["charities"]:
            patiently(self._manager(charity["region"]), "/v1/charities", charity, f"sandbox-charity-{charity['registration_number']}")
        for number, institution in enumerate(self._people["institutions"]):
            patiently(self._manager(institution["region"]), "/v1/institutions", institution, f"sandbox-institution-{number}")
        for kind, path in (("catalogues", "/v1/catalogue/rules"), ("review_settings", "/v1/review-settings")):
            for settings in self._people[kind]:
                stated = {name: value for name, value in settings.items() if name != "region"}
                self._manager(settings["region"]).put(f"{path}?region={settings['region']}", stated)

    def _post_needs(self, advance: Callable[[], None]) -> None:
        for number, wanted in enumerate(self._people["needs"]):
            self._needs[wanted["household"], wanted["item"]] = self._post_need(number, wanted)
            advance()
        for number, draft in enumerate(self._people["drafts"]):
            body = draft["need"] | {"household_id": self._households[draft["household"]]["id"], "consent": "slip"}
            patiently(self.person(draft["by"]), "/v1/drafts", body, f"sandbox-draft-{number}")

    def _post_need(self, number: int, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Post a need, as its household or its agent, and bring it into its state."""
        household = self._households[wanted["household"]]
        agent, *above = self._administrators(household["village"])
        body = {"category": wanted["item"], "quantity": wanted.get("quantity"), "urgency": wanted["urgency"], "reason": wanted["reason"]}
        if "specification" in wanted:
            body["specification"] = wanted["specification"]
        if not household["phone"]:
            body |= {"household_id": household["id"], "consent": wanted.get("consent", "slip")}
        poster = self.person(household["phone"]) if household["phone"] else agent
        need = patiently(poster, "/v1/needs", body, f"sandbox-need-{number}")
        path = f"/v1/needs/{need['id']}"
        if wanted.get("consent") == "slip_photo":
            _add_picture(poster, f"{path}/consent-photos", draw_slip(number), f"sandbox-slip-{number}")
        photo = _add_picture(poster, f"{path}/photos", draw_roof(number), f"sandbox-photo-{number}") if "photo" in wanted else None
        if returned := wanted.get("returned"):
            body = {"reason": returned[0], "note": returned[1]}
            return dict(patiently(above[0], f"{path}/return", body, f"sandbox-return-{number}"))
        # The nearest administrator verifies; above the county's threshold the next one does, too.
        for step, verifier in enumerate(above):
            if need["state"] not in {"posted", "confirmed"} or need["state"] == wanted.get("stays"):
                break
            need = patiently(verifier, f"{path}/verification", {"story": wanted["reason"]}, f"sandbox-verification-{number}-{step}")
        if photo and wanted["photo"] == "public":
            above[0].post(f"/v1/need-photos/{photo['id']}/publication", {"public": True})
        return dict(need)

    def _offer_pledges(self, advance: Callable[[], None]) -> None:
        for number, giver in enumerate(self._people["givers"]):
            self._offer(number, giver)
            advance()

    def _offer(self, number: int, giver: Mapping[str, Any]) -> None:
        pledger = self.person(giver["phone"])
        kind, category, unit, quantity, region, note = giver["pledge"]
        body = {"kind": kind, "category": category, "unit": unit, "quantity": quantity, "region": region, "note": note}
        lasts = timedelta(seconds=giver["valid_seconds"]) if "valid_seconds" in giver else timedelta(days=365)
        body["valid_until"] = _in(lasts)
        if "choose_hours" in giver:
            body["choose_until"] = _in(timedelta(hours=giver["choose_hours"]))
        if "best_before_days" in giver:
            body["best_before"] = _in(timedelta(days=giver["best_before_days"]))
        if "limit_per_household" in giver:
            body["limit_per_household"] = giver["limit_per_household"]
        patiently(pledger, "/v1/pledges", body, f"sandbox-pledge-{number}")

    def _go_on(self, progress: Progress) -> None:
        """Let givers accept and deliver, choose a need, and report one."""
        deliveries, holds, reports = (self._people[kind] for kind in ("deliveries", "holds", "reports"))
        task = progress.add_task("对接 matches", total=len(deliveries) + len(holds) + len(reports))
        for number, delivery in enumerate(deliveries):
            self._deliver(number, delivery)
            progress.advance(task)
        for number, hold in enumerate(holds):
            body = {"need_id": self._needs[hold["household"], hold["item"]]["id"], "quantity": hold["quantity"]}
            patiently(self.person(hold["giver"]), "/v1/holds", body, f"sandbox-hold-{number}")
            progress.advance(task)
        for settings in self._people["review_settings"]:
            self._check_a_sample(settings["region"])
        for report in reports:
            path = f"/v1/needs/{self._needs[report['household'], report['item']]['id']}/report"
            for phone in report["givers"]:
                self.person(phone).post(path, {"reason": report["reason"]})
            progress.advance(task)

    def _check_a_sample(self, county: str) -> None:
        """Let the county find one verified need right, so that a reviewer has an error rate."""
        manager = self._manager(county)
        sample = next(one for one in manager.every("/v1/samples") if "check_sample" in one["allowed"])
        patiently(manager, f"/v1/samples/{sample['id']}/verdict", {"verdict": "right"}, f"sandbox-sample-{county}")

    def _deliver(self, number: int, delivery: Mapping[str, Any]) -> None:
        """Accept the proposal for an item, send it, have the village take it in, and thank."""
        giver = self.person(delivery["giver"])
        match = _until(lambda: next(one for one in giver.every("/v1/matches") if one["category"] == delivery["item"]))
        path, key = f"/v1/matches/{match['id']}", f"sandbox-delivery-{number}"
        patiently(giver, f"{path}/acceptance", {}, f"{key}-acceptance")
        if "received" not in delivery:
            return
        patiently(giver, f"{path}/sending", delivery["sent"], f"{key}-sending")
        # A proposal shows the township, an accepted match its village.
        village, *above = self._administrators(giver.get(path)["region"])
        patiently(village, f"{path}/receipt", delivery["received"], f"{key}-receipt")
        if "thanks" in delivery:
            thanks = patiently(village, f"{path}/thanks", {"text": delivery["thanks"]}, f"{key}-thanks")
            patiently(above[0], f"/v1/thanks/{thanks['id']}/release", {}, f"{key}-release")


def patiently(client: ApiClient, path: str, body: Mapping[str, Any], key: str) -> Any:
    """Post with a key, and retry until the events about what it needs have reached the service."""
    return _until(lambda: client.post(path, body, **{"Idempotency-Key": key}))


def _add_picture(client: ApiClient, path: str, jpeg: bytes, key: str) -> Any:
    return client.ask("POST", path, {"Content-Type": "image/jpeg", "Idempotency-Key": key}, content=jpeg)


def _until(act: Callable[[], Any]) -> Any:
    """Return what an act answers; repeat it while something that it needs has not arrived yet."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return act()
        except RequestRefused as refused:
            if refused.code not in LATER or time.monotonic() > deadline:
                raise
        except StopIteration:
            if time.monotonic() > deadline:
                raise LookupError("no proposal came") from None
        time.sleep(0.2)


def _in(time_from_now: timedelta) -> str:
    return (datetime.now(UTC) + time_from_now).replace(microsecond=0).isoformat()
