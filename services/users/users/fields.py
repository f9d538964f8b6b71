"""Fields that only users has, and the labels of its choices in both languages."""

from collections.abc import Mapping
from typing import Any

from chassis.http.fields import Text
from users import passwords, personal

KINDS = {
    "household": ("贫困户", "household"),
    "donor": ("爱心人士", "donor"),
    "organisation": ("社会组织/企业", "organisation"),
    "merchant": ("网络商", "merchant"),
    "volunteer": ("志愿者", "volunteer"),
    "staff": ("工作人员", "staff"),
}
STATUSES = {
    "registered": ("在册", "registered"),
    "lifted": ("已脱贫", "lifted out of poverty"),
    "monitored": ("监测户", "monitored"),
}
LEVELS = {
    "province": ("省级", "province"),
    "city": ("地级", "city"),
    "county": ("县级", "county"),
    "town": ("乡级", "town"),
    "village": ("村级", "village"),
}
APPOINTMENT_STATES = {"active": ("在任", "in office"), "dismissed": ("已解除", "dismissed")}


class Phone(Text):
    """A mobile number of mainland China, read with or without +86; loaded as E.164."""

    def __init__(self, **options: Any) -> None:
        super().__init__(20, metadata={"example": "13800001234", "format": "phone"} | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return personal.parse_mobile(text)
        except ValueError:
            raise self.make_error("form") from None


class NationalId(Text):
    """The number of a resident's identity card with a valid check digit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(18, metadata={"example": "11010519491231002X"} | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return personal.parse_national_id(text)
        except ValueError:
            raise self.make_error("form") from None


class Password(Text):
    """A password, exactly as typed: spaces at its ends stay."""

    def __init__(self, least: int = passwords.LEAST, **options: Any) -> None:
        super().__init__(passwords.MOST, least=least, metadata={"format": "password"} | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        super()._deserialize(value, attr, data, **kwargs)
        return str(value)
