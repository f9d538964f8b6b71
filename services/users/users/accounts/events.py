"""Events of accounts, made from their rows: when one is registered, and whenever it is published again."""

from contracts.users import UserRegistered
from users.accounts.model import Account


def user_registered(account: Account) -> UserRegistered:
    """Make the event of an account that was written."""
    return UserRegistered(
        version=account.version,
        user_id=account.id,
        kind=account.kind,
        region=account.region,
        campaign=account.campaign,
        registered_at=account.registered_at,
    )
