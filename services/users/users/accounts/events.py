"""Events of accounts, made from their rows: when an act is done, and whenever it is published again."""

from typing import Any, get_args

from contracts.users import OfficialKind, OfficialRegistered, UserRegistered
from users.accounts.model import Account

OFFICIALS: tuple[str, ...] = get_args(OfficialKind)


def user_registered(account: Account) -> UserRegistered | OfficialRegistered:
    """Make the event of an account that was written. Cadres and work units have an event of their own, as they give as government."""
    stated: dict[str, Any] = {
        "version": account.version,
        "user_id": account.id,
        "kind": account.kind,
        "region": account.region,
        "campaign": account.campaign,
        "registered_at": account.registered_at,
    }
    return OfficialRegistered(**stated) if account.kind in OFFICIALS else UserRegistered(**stated)
