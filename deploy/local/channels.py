"""Channels of the sandbox: a giver's browser and WeChat, and a county's webhook and bot, so that its outbox shows each kind of message."""

import re
import time
from collections.abc import Mapping
from typing import Any

import httpx

from deploy.local import telephones
from deploy.local.client import ApiClient

SECONDS = 30
PROOF = re.compile(r"验证码 ([A-Z0-9]{8})")


def connect_giver(giver: ApiClient, variables: Mapping[str, str], name: str) -> None:
    """Let notices of a giver be pushed to the sandbox's browser, and sent to a user of its mini-program."""
    keys = {"p256dh": variables["SANDBOX_BROWSER_PUBLIC_KEY"], "auth": variables["SANDBOX_BROWSER_AUTH"]}
    giver.post("/v1/push-subscriptions", {"endpoint": f"{receivers_at(variables)}/push/{name}", "keys": keys})
    giver.post("/v1/wechat-link", {"code": f"code-of-{name}"})


def connect_office(office: ApiClient, variables: Mapping[str, str], origin: str, region: str) -> None:
    """Let needs to be reviewed in a region be told to a webhook and to a bot of its office."""
    for channel, path in (("webhook", "/hooks/"), ("wecom", "/cgi-bin/webhook/send?key=")):
        to = f"office-{region}"
        wanted = {"channel": channel, "region": region, "kinds": ["need_posted"], "name": telephones.CHANNELS[channel][0]}
        made = office.post("/v1/endpoints", wanted | {"address": f"{receivers_at(variables)}{path}{to}"})
        office.post(f"/v1/endpoints/{made['id']}/proof", {"code": _read_proof(origin, channel, to)})


def receivers_at(variables: Mapping[str, str]) -> str:
    """Return the address of the sandbox's receivers."""
    return f"https://localhost:{variables['SANDBOX_TLS_PORT']}"


def _read_proof(origin: str, channel: str, to: str) -> str:
    """Read the code of a test where it arrives. Raises `LookupError` when none does within half a minute."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        letters: list[Any] = httpx.get(f"{origin}{telephones.API}", timeout=5, trust_env=False).json()["letters"]
        for one in letters:
            if (one["channel"], one["to"]) == (channel, to) and (found := PROOF.search(one["text"])):
                return found[1]
        time.sleep(0.1)
    raise LookupError(f"{channel} {to}")
