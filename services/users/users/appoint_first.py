"""Appoint the first administrator of a region: `python -m users.appoint_first --phone … --name … --region 5109`.

Administrators appoint all others. Running it again changes nothing.
"""

import getpass
import json
import sys
from pathlib import Path

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.data.encryption import EncryptionSettings, FingerprintSettings, fingerprint
from chassis.failures import Parser, one_line_failures
from chassis.problems import Problem
from chassis.start import read_settings
from users.accounts.actions import register_account
from users.accounts.api import AccountIn
from users.accounts.model import Account
from users.appointments.actions import appoint
from users.appointments.model import Appointment
from users.fields import Phone


def appoint_first(session: Session, wanted: dict[str, str], password_file: Path | None = None) -> Appointment:
    """Find or register the staff account and appoint it; ask for the password only if the account is new.

    Raises ValidationError or a problem for invalid values.
    """
    phone = Phone().deserialize(wanted["phone"])
    account = session.scalars(select(Account).where(Account.phone_fingerprint == fingerprint(phone))).first()
    if account is None:
        password = password_file.read_text("utf-8").rstrip("\r\n") if password_file else getpass.getpass("Password: ")
        account = register_account(session, AccountIn().load(wanted | {"kind": "staff", "password": password}))
    if account.kind != "staff":
        raise ValidationError("the account of this phone is not a staff account", "phone")
    region = AccountIn().fields["region"].deserialize(wanted["region"])
    standing = select(Appointment).where(
        Appointment.account_id == account.id, Appointment.region == region, Appointment.dismissed_at.is_(None)
    )
    return session.scalars(standing).first() or appoint(session, account, region, None)


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Appoint the first administrator of a region.")
    parser.add_argument("--phone", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--region", required=True, help='division code; "" is the whole country')
    parser.add_argument("--password-file", type=Path, help="the password in a file; asked for if not given")
    given = parser.parse_args(arguments)
    database = Database.of(read_settings("users", EncryptionSettings, FingerprintSettings), "appoint")
    try:
        with database.begin() as session:
            wanted = {"phone": given.phone, "name": given.name, "region": given.region}
            appointment = appoint_first(session, wanted, given.password_file)
    except ValidationError as error:
        sys.exit(f"not right: {json.dumps(error.messages)}")
    except Problem as problem:
        sys.exit(f"not right: {problem.code}")
    finally:
        database.close()
    print(json.dumps({"account_id": str(appointment.account_id), "appointment_id": str(appointment.id)}))


if __name__ == "__main__":
    main()
