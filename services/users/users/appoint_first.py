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

from chassis.data.audit_log import OPERATOR
from chassis.data.database import Database
from chassis.data.encryption import FingerprintSettings, fingerprint
from chassis.data.regions import regions_of_session
from chassis.failures import Parser, one_line_failures
from chassis.problems import Problem
from chassis.start import read_role_settings
from users.accounts import passwords
from users.accounts.actions import enter_account, new_account
from users.accounts.api import AccountIn
from users.accounts.model import Account
from users.appointments.actions import appoint
from users.appointments.model import Appointment
from users.fields import Phone
from users.holders import actions as holders


def appoint_first(session: Session, wanted: dict[str, str], password_file: Path | None = None) -> Appointment:
    """Find or register the staff account and appoint it; ask for the password only if the account is new.

    The operator vouches for the phone, so it counts as proven; accounts that only claim it are closed.

    Raises ValidationError or a problem for invalid values.
    """
    phone = Phone().deserialize(wanted["phone"])
    key = fingerprint(phone)
    region = AccountIn().fields["region"].deserialize(wanted["region"])
    holders.lock_phones(session, key)
    account = holders.find_holder(session, key) or _find_appointed(session, key, region)
    if account is None:
        password = password_file.read_text("utf-8").rstrip("\r\n") if password_file else getpass.getpass("Password: ")
        loaded = AccountIn().load(wanted | {"kind": "staff", "password": password})
        passwords.require_strong(password, phone, wanted["name"], region, is_staff=True)
        account = enter_account(session, new_account(loaded, passwords.hash_password(password)))
        holders.record(session, OPERATOR, "register", account)
    if account.kind != "staff":
        raise ValidationError("the account of this phone is not a staff account", "phone")
    if account.proven_at is None:
        holders.prove(session, account, OPERATOR)
    standing = select(Appointment).where(
        Appointment.account_id == account.id, Appointment.region == region, Appointment.dismissed_at.is_(None)
    )
    return session.scalars(standing).first() or appoint(session, account, region, None)


def _find_appointed(session: Session, key: bytes, region: str) -> Account | None:
    """Find the account of before codes that this command appointed, which nobody else can have been."""
    first = select(Appointment.account_id).where(
        Appointment.region == region, Appointment.appointed_by.is_(None), Appointment.dismissed_at.is_(None)
    )
    appointed = set(session.scalars(first))
    return next((account for account in holders.find_claimants(session, key) if account.id in appointed), None)


@one_line_failures
def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description="Appoint the first administrator of a region.")
    parser.add_argument("--phone", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--region", required=True, help='division code; "" is the whole country')
    parser.add_argument("--password-file", type=Path, help="the password in a file; asked for if not given")
    given = parser.parse_args(arguments)
    database = Database.of(read_role_settings("users", FingerprintSettings), "appoint")
    try:
        with database.begin() as session, regions_of_session(session):
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
