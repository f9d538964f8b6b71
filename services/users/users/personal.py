"""Personal data: how phones and numbers of documents are read, and how they are shown to those who need not know them."""

import re
from datetime import UTC, datetime

import phonenumbers
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

_PHONE = re.compile(r"\+?[0-9][0-9 -]{9,18}\Z", re.ASCII)
_NATIONAL_ID = re.compile(r"[1-9][0-9]{16}[0-9Xx]\Z", re.ASCII)


def mobile(written: str) -> str:
    """A mobile number of mainland China as E.164, `+86` and eleven digits. Raises ValueError for anything else."""
    if not _PHONE.match(written):
        raise ValueError("not a phone")
    try:
        number = phonenumbers.parse(written, "CN")
    except phonenumbers.NumberParseException:
        raise ValueError("not a phone") from None
    if number.country_code != 86 or not phonenumbers.is_valid_number(number):
        raise ValueError("not a phone")
    if phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.MOBILE:
        raise ValueError("not a mobile phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def national_id(written: str) -> str:
    """The number of a resident's identity card in its one form: eighteen characters, `X` in capitals. Raises ValueError."""
    number = written.upper()
    if not _NATIONAL_ID.match(number) or number[-1] != ric.calc_check_digit(number):
        raise ValueError("not a national id")
    # `ric.validate` also wants the county to have existed in the year of birth; cards were first issued in 1984, so that it
    # refuses most people born before their county got its code.
    try:
        born = ric.get_birth_date(number)
    except ValidationError:
        raise ValueError("not a national id") from None
    if not born.year >= 1880 or born > datetime.now(UTC).date():
        raise ValueError("not a national id")
    return number


def masked_phone(phone: str) -> str:
    national = phone.removeprefix("+86")
    return f"{national[:3]}****{national[-4:]}"


def masked_name(name: str) -> str:
    return f"{name[:1]}**"


def masked_national_id(number: str) -> str:
    return f"{number[:3]}{'*' * 11}{number[-4:]}"
