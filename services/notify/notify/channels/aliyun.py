"""Aliyun SMS (阿里云短信服务), by its SDK."""

import json
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import QuerySendDetailsRequest, SendSmsRequest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from notify.channels.interface import NOT_FILED, Failure, Found, Letter, Receipt, SendingError
from notify.channels.texts import texts
from notify.settings import AliyunSettings

CHINA = timezone(timedelta(hours=8))

SECONDS = 5.0
OK = "OK"
SENT, FAILED, RECEIVED = 1, 2, 3
"""The states of a letter in the provider's list: waiting for the telephone, failed, arrived."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._:-]{0,80}\Z")
OF_THE_NUMBER = {
    "isv.BUSINESS_LIMIT_CONTROL",
    "isv.BLACK_KEY_CONTROL_LIMIT",
    "isv.DAY_LIMIT_CONTROL",
    "isv.MOBILE_COUNT_OVER_LIMIT",
    "isv.MOBILE_NUMBER_ILLEGAL",
    "isv.DENY_IP_RANGE",
}
PASSING = {"isp.SYSTEM_ERROR", "isp.RAM_PERMISSION_DENY.TEMP", "ServiceUnavailable", "InternalError", "SignatureNonceUsed"}
PASSING_BEGINNINGS = ("Throttling", "SDK.")


def outcome_of(code: str) -> Failure:
    """Class a code of the provider. Codes of the gateway and of the account last until somebody mends it."""
    if code in OF_THE_NUMBER:
        return "permanent-failure"
    return "temporary-failure" if code in PASSING or code.startswith(PASSING_BEGINNINGS) else "technical-failure"


class AliyunSms:
    """An account of Aliyun SMS. Each thread needs one of its own."""

    def __init__(self, settings: AliyunSettings, seconds: float = SECONDS) -> None:
        # At DEBUG the address of a request is logged, with phone and code.
        logging.getLogger("urllib3").setLevel(logging.WARNING)
        address = urlsplit(settings.endpoint)
        self._settings = settings
        self._client = Client(
            Config(
                access_key_id=settings.key_id,
                access_key_secret=settings.key_secret,
                endpoint=address.netloc,
                protocol=address.scheme,
                region_id="cn-hangzhou",
            )
        )
        milliseconds = round(1000 * seconds)
        self._runtime = RuntimeOptions(connect_timeout=milliseconds, read_timeout=milliseconds, autoretry=False, max_attempts=1)

    def send(self, letter: Letter) -> Receipt:
        if (template := self._settings.templates.get(letter.text)) is None:
            raise SendingError("technical-failure", f"{NOT_FILED}{letter.text}")
        request = SendSmsRequest(
            phone_numbers=letter.to.removeprefix("+86"),
            sign_name=self._settings.sign_name,
            template_code=template,
            template_param=json.dumps({name: letter.parameters[name] for name in texts()[letter.text].parameters}, ensure_ascii=False),
            out_id=str(letter.reference),
        )
        body = self._ask(lambda: self._client.send_sms_with_options(request, self._runtime))
        return Receipt("taken", body.biz_id)

    def find(self, letter: Letter, since: datetime) -> Found:
        """Look for the reference among all letters to this telephone on that day: one that is not there was never taken."""
        request = QuerySendDetailsRequest(
            phone_number=letter.to.removeprefix("+86"),
            send_date=since.astimezone(CHINA).strftime("%Y%m%d"),
            page_size=50,
            current_page=1,
        )
        body = self._ask(lambda: self._client.query_send_details_with_options(request, self._runtime))
        details = body.sms_send_detail_dtos.sms_send_detail_dto if body.sms_send_detail_dtos else None
        states = [one.send_status for one in details or [] if one.out_id == str(letter.reference)]
        if not states:
            return "absent"
        if RECEIVED in states:
            return "delivered"
        return "taken" if SENT in states else "permanent-failure"

    def close(self) -> None:
        """The SDK keeps its connections for all accounts of the process."""

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Call the provider and return the answer's body. Raises `SendingError`."""
        try:
            body = call().body
        except AlibabaCloudException as error:
            # The SDK's exceptions quote the request, which holds the phone: they may not be chained.
            if (error.status_code or 0) >= 500 or error.status_code == 429:
                raise SendingError("temporary-failure", f"SDK.{error.status_code}") from None
            raise _refusal(error.code) from None
        except Exception as error:
            # Whatever else the SDK raises, for a broken connection or an answer that is no JSON, may pass.
            inner = getattr(error, "inner_exception", error)
            raise SendingError("temporary-failure", f"SDK.{type(inner).__name__}") from None
        if body is None or body.code != OK:
            raise _refusal(body.code if body else "SDK.NoBody")
        return body


def _refusal(said: Any) -> SendingError:
    code = said if isinstance(said, str) and _PLAIN.match(said) else "SDK.Unknown"
    return SendingError(outcome_of(code), code)
