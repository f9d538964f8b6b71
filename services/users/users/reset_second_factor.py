"""Remove the second factor of an administrator who lost it: `python -m users.reset_second_factor --phone …`.

Administrators of a wider region do so over HTTP. This command is for administrators of the whole country, who have nobody above them.
"""

import json
import sys

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.data.encryption import FingerprintSettings, fingerprint
from chassis.failures import Parser, one_line_failures
from chassis.start import read_role_settings
from users.accounts.model import Account
from users.fields import Phone
from users.second_factor.actions import clear_second_factor


def reset_second_factor(session: Session, written: str) -> Account:
    """Remove the second factor of the account with this phone. Raises ValidationError when there is no such account or factor."""
    phone = Phone().deserialize(written)
    account = session.scalars(select(Account).where(Account.phone_fingerprint == fingerprint(phone))).first()
    if account is None or not clear_second_factor(session, account.id):
        raise ValidationError("no account of this phone has a second factor", "phone")
    return account


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Remove the second factor of an administrator who lost it.")
    parser.add_argument("--phone", required=True)
    given = parser.parse_args(arguments)
    database = Database.of(read_role_settings("users", FingerprintSettings), "reset")
    try:
        with database.begin() as session:
            account = reset_second_factor(session, given.phone)
    except ValidationError as error:
        sys.exit(f"not right: {json.dumps(error.messages)}")
    finally:
        database.close()
    print(json.dumps({"account_id": str(account.id)}))


if __name__ == "__main__":
    main()
