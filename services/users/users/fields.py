"""Fields that only users has, and the labels of its choices in both languages."""

from datetime import UTC, date, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from chassis.http.fields import NEVER, Code, Text
from chassis.text import UnfitText, read_secret
from users import personal

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
PASTED = "spaces, dashes, brackets and invisible characters are dropped, full-width characters changed to ASCII"
PASTED_EMAIL = "spaces and invisible characters are dropped, full-width characters changed to ASCII"
KINDS = {
    "household": ("贫困户", "household"),
    "donor": ("爱心人士", "donor"),
    "organisation": ("社会组织/企业", "organisation"),
    "merchant": ("网络商", "merchant"),
    "volunteer": ("志愿者", "volunteer"),
    "staff": ("工作人员", "staff"),
    "cadre": ("帮扶干部", "cadre"),
    "work_unit": ("帮扶单位", "work unit"),
}
HELPER_ROLES = {
    "leader": ("联系领导", "leader in charge"),
    "work_unit": ("帮扶单位", "helping work unit"),
    "first_secretary": ("第一书记", "first secretary"),
    "resident_team": ("驻村工作队", "resident work team"),
    "agricultural_technician": ("农技员", "agricultural technician"),
}
STATUSES = {
    "registered": ("在册", "registered"),
    "lifted": ("已脱贫", "lifted out of poverty"),
    "monitored": ("监测户", "monitored"),
}
PHONE_KINDS = {
    "own": ("本户手机", "the household's own"),
    "shared": ("与他户共用", "shared with another household"),
    "neighbour": ("邻居电话", "a neighbour's"),
    "landline": ("固定电话", "a landline"),
    "none": ("没有电话", "none"),
}
SEXES = {"male": ("男", "male"), "female": ("女", "female")}
HOUSEHOLD_ENDINGS = {
    "died": ("户内人员均已去世", "all members have died"),
    "moved_away": ("已迁往外地", "it moved away"),
    "recovered": ("不再需要帮扶", "help is no longer needed"),
    "error": ("登记有误", "it was entered by mistake"),
    "other": ("其他原因", "other reasons"),
}
ALL_HOUSEHOLD_ENDINGS = HOUSEHOLD_ENDINGS | {
    "merged": ("已并入另一户", "it was merged into another household"),
    "erased": ("应要求已删除", "it was erased on request"),
    "not_confirmed": ("上级未予确认", "the level above did not confirm it"),
}
PHONE_REASONS = {
    "lost": ("手机遗失或损坏", "the telephone is lost or broken"),
    "number_ended": ("原号码已停用", "the number was given up"),
    "number_passed_on": ("原号码已归他人使用", "the number belongs to somebody else now"),
    "mistyped": ("登记有误", "it was entered wrongly"),
}
SELF_REPORT_STATES = {
    "waiting": ("排队中", "in the queue"),
    "open": ("待走访", "to be visited"),
    "visited": ("已走访，待认定", "visited, to be decided"),
    "admitted": ("已认定", "admitted"),
    "declined": ("未认定", "declined"),
}
OUTCOMES = {name: SELF_REPORT_STATES[name] for name in ("admitted", "declined")}
DIFFICULTIES = {
    "illness": ("因病", "illness"),
    "disability": ("因残", "disability"),
    "disaster": ("因灾", "a disaster"),
    "accident": ("因意外事故", "an accident"),
    "schooling": ("因学", "costs of school"),
    "no_income": ("失业或收入骤减", "no work, or much less income"),
    "old_age": ("年老无人照料", "old age without care"),
    "other": ("其他", "something else"),
}
DECLINING_REASONS = {
    "not_resident": ("不在本村居住", "they do not live in this village"),
    "not_found": ("查无此人或联系不上", "not found or not reachable"),
    "not_in_difficulty": ("未达到认定条件", "the conditions are not met"),
    "helped_already": ("已在帮扶中", "they get help already"),
    "repeated": ("重复申报", "reported before"),
    "other": ("其他原因", "other reasons"),
}
LEVELS = {
    "province": ("省级", "province"),
    "city": ("市级", "city"),
    "county": ("县级", "county"),
    "town": ("乡级", "town"),
    "village": ("村级", "village"),
}
APPOINTMENT_STATES = {
    "offered": ("待本人确认", "waiting to be confirmed"),
    "confirmed": ("已确认，尚未到任", "confirmed, begins later"),
    "active": ("在任", "in office"),
    "refused": ("本人已谢绝", "declined"),
    "dismissed": ("已解除", "ended"),
}
OFFICES = {"administrator": ("管理员", "administrator"), "auditor": ("审计员", "auditor")}
DISMISSAL_REASONS = {
    "left": ("离任", "left office"),
    "moved": ("调岗", "moved to another post"),
    "abuse": ("滥用职权", "abuse of office"),
    "other": ("其他原因", "other reasons"),
}
ENDING_REASONS = DISMISSAL_REASONS | {
    "refused": ("本人谢绝", "declined by the person"),
    "lapsed": ("逾期未确认", "not confirmed in time"),
    "expired": ("任期届满", "its term is over"),
}


class Day(fields.Date):
    """A day in ISO 8601, of a year from 2000 to 2199."""

    default_error_messages = NEVER | {"invalid": "wrong", "format": "wrong"}

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(date(2000, 1, 1), date(2199, 12, 31), error="out_of_range"), **options)


class BirthDay(fields.Date):
    """A day of birth in ISO 8601, not in the future; loaded as its text."""

    default_error_messages = NEVER | {"invalid": "wrong", "format": "wrong"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        born: date = super()._deserialize(value, attr, data, **kwargs)
        if not born.year >= 1880 or born > datetime.now(UTC).date():
            raise ValidationError("out_of_range")
        return born.isoformat()


class Phone(Code):
    """A mobile number of mainland China, as people type or paste it, with or without +86; loaded as E.164."""

    words = {"text_form": "phone_form"}

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "13800001234", "format": "phone", "description": PASTED} | options.pop("metadata", {})
        super().__init__(r"\+?[0-9]{11,17}", "-()", metadata=metadata, **options)

    def read(self, written: str) -> str:
        """Return the number in E.164. Raises `UnfitText`."""
        try:
            return personal.parse_mobile(super().read(written))
        except ValueError:
            raise UnfitText("text_form") from None


class Email(Code):
    """An e-mail address of ASCII letters, without a name before it; its domain is loaded in lower case."""

    words = {"text_form": "email_form", "text_length": "email_form"}

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "li.guiying@example.org", "format": "email", "description": PASTED_EMAIL} | options.pop("metadata", {})
        super().__init__(personal.EMAIL, most=personal.LONGEST_EMAIL, metadata=metadata, **options)

    def read(self, written: str) -> str:
        """Return the address with its domain in lower case. Raises `UnfitText`."""
        local, _, domain = super().read(written).rpartition("@")
        return f"{local}@{domain.lower()}"


class OfficePhone(Code):
    """The telephone of an office: a landline with its area code, a service number or a mobile number; loaded as people write it."""

    words = {"text_form": "office_phone_form"}

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "0825-2661234", "format": "phone"} | options.pop("metadata", {})
        super().__init__(r"\+?[0-9]{7,17}", "-()", metadata=metadata, **options)

    def read(self, written: str) -> str:
        """Return the number with its area code. Raises `UnfitText`."""
        if personal.has_extension(written):
            raise UnfitText("text_form")
        try:
            return personal.parse_office_phone(super().read(written))
        except ValueError:
            raise UnfitText("text_form") from None


class Telephone(Code):
    """A mobile or fixed number of mainland China, as people type or paste it, with or without +86; loaded as E.164."""

    words = {"text_form": "telephone_form"}

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "13800001234", "format": "phone", "description": PASTED} | options.pop("metadata", {})
        super().__init__(r"\+?[0-9]{10,17}", "-()", metadata=metadata, **options)

    def read(self, written: str) -> str:
        """Return the number in E.164. Raises `UnfitText`."""
        if personal.has_extension(written):
            raise UnfitText("text_form")
        try:
            return personal.parse_telephone(super().read(written))
        except ValueError:
            raise UnfitText("text_form") from None


class NationalId(Code):
    """The number of a resident's identity card with a valid check digit, as people type or paste it."""

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "11010519491231002X", "description": PASTED} | options.pop("metadata", {})
        super().__init__("[0-9]{17}[0-9Xx]", "-()", metadata=metadata, **options)

    def read(self, written: str) -> str:
        """Return the number with a final `X` in upper case. Raises `UnfitText`."""
        try:
            return personal.parse_national_id(super().read(written))
        except ValueError:
            raise UnfitText("text_form") from None


class CreditCode(Code):
    """The unified social credit code of an organisation with a valid check character, as people type or paste it."""

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "91110000600037341L", "description": PASTED} | options.pop("metadata", {})
        super().__init__("[0-9A-Za-z]{18}", "-()", metadata=metadata, **options)

    def read(self, written: str) -> str:
        """Return the code in upper case. Raises `UnfitText`."""
        try:
            return personal.parse_credit_code(super().read(written))
        except ValueError:
            raise UnfitText("text_form") from None


class Password(Text):
    """A password, exactly as typed: spaces at its ends stay."""

    def __init__(self, least: int = SHORTEST_PASSWORD, **options: Any) -> None:
        super().__init__(LONGEST_PASSWORD, least=least, metadata={"format": "password"} | options.pop("metadata", {}), **options)

    def read(self, written: str) -> str:
        """Return the password as typed. Raises `UnfitText`."""
        return read_secret(written)
