"""Rules of endpoints: which addresses and kinds they may have, who may act on them, when they have failed for too long."""

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from contracts.notices import VERIFIERS, templates
from notify.channels.bots import DIALECTS
from notify.channels.guarded import is_reachable
from notify.endpoints.model import Endpoint
from notify.rules import ADMINISTRATOR, GIVER, LEVELS, TOWN
from notify.settings import EndpointSettings

WEBHOOK = "webhook"
CHANNELS = {
    WEBHOOK: ("签名推送（Webhook）", "signed webhook"),
    "wecom": ("企业微信群机器人", "bot of a WeCom group"),
    "dingtalk": ("钉钉群机器人", "bot of a DingTalk group"),
    "feishu": ("飞书群机器人", "bot of a Feishu group"),
}
SIGNS = {"dingtalk", "feishu"}
"""Bots that can check a signature, with a secret that their service made."""
OFFICES = (2, 4, 6, 9)
"""Levels whose offices have endpoints. In a village the person whom a notice passes over would read it in the group."""
MOST_ENDPOINTS, MOST_TESTS = 10, 5
PROOF_HOLDS = timedelta(hours=24)
FAILING_FOR = timedelta(days=5)
"""An endpoint that took nothing for so long is disabled. Messages are kept for longer."""
GATHERING = timedelta(seconds=30)
"""A letter to a bot waits for so long, and what comes meanwhile is counted in it."""
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_KEYS: Mapping[str, str] = {"wecom": "key", "dingtalk": "access_token"}


def make_secret() -> str:
    """Make the secret of a webhook: 256 random bits."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def make_proof() -> str:
    """Make the code that proves an endpoint: 40 random bits, without letters that look alike."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def find_host(channel: str, address: str, settings: EndpointSettings) -> str | None:
    """Return the host of an address that the channel may have; None for any other.

    `localhost` is a receiver where the operator opened this machine's own network, as the sandbox does.
    """
    try:
        parts = urlsplit(address)
        port = parts.port or 443
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or parts.username is not None or parts.fragment or port not in settings.ports:
        return None
    if channel == WEBHOOK:
        is_here = host == "localhost" and is_reachable("127.0.0.1", settings.networks)
        return host if is_here or (len(host) <= 253 and _HOST.fullmatch(host)) else None
    dialect = DIALECTS[channel]
    if parts.netloc.lower() not in {dialect.host, settings.bot_hosts.get(channel, dialect.host).lower()}:
        return None
    if channel in _KEYS:
        named = parse_qsl(parts.query, keep_blank_values=True)
        is_bot = parts.path == dialect.path and len(named) == 1 and named[0][0] == _KEYS[channel]
        key = named[0][1] if is_bot else ""
    else:
        is_bot = parts.path.startswith(dialect.path) and not parts.query
        key = parts.path.removeprefix(dialect.path)
    return host if is_bot and re.fullmatch(r"[A-Za-z0-9-]{8,100}", key) else None


@cache
def kinds_of(side: str) -> frozenset[str]:
    """The kinds of notices that an office (`administrator`) or an account (`giver`) may be sent."""
    return frozenset(template.kind for template in templates() if template.side == side)


def side_of(endpoint: Endpoint) -> str:
    """Return the side whose notices an endpoint gets."""
    return GIVER if endpoint.region is None else ADMINISTRATOR


@cache
def longest_region(kind: str) -> int:
    """Return the length of the longest region code whose office may be sent a kind of notice: that of the level which is told."""
    levels = LEVELS | {VERIFIERS: TOWN}
    told = {one for template in templates() if (template.kind, template.side) == (kind, ADMINISTRATOR) for one in template.to}
    return max((levels[one] for one in told if one in levels), default=0)


def acts_on_endpoint(endpoint: Endpoint, *, manages: bool) -> list[str]:
    """List the operations that the caller may carry out on an endpoint now."""
    if not manages:
        return []
    acts = ["change_endpoint", "remove_endpoint", "test_endpoint"]
    acts += ["prove_endpoint"] if endpoint.state != "active" else ["resend_deliveries"]
    return acts + (["rotate_endpoint_secret"] if endpoint.channel == WEBHOOK else [])


STATES: Mapping[str, tuple[str, str]] = {
    "unproven": ("待验证", "to be proven"),
    "active": ("使用中", "in use"),
    "disabled": ("已停用", "disabled"),
}
