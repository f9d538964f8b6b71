"""Tencent Cloud SMS, by its SDK."""

import logging
import re
from datetime import datetime
from typing import Any

from tencentcloud.common.abstract_client import LOGGER_NAME
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111.models import PullSmsSendStatusByPhoneNumberRequest, SendSmsRequest
from tencentcloud.sms.v20210111.sms_client import SmsClient

from notify.channels.interface import NOT_FILED, Failure, Found, Letter, Receipt, SendingError
from notify.channels.texts import texts
from notify.settings import TencentSettings

SECONDS = 5
"""The SDK waits so long for a connection, and for each part of the answer."""
OK = "Ok"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,80}\Z")

OF_THE_NUMBER = {
    "FailedOperation.PhoneNumberInBlacklist",
    "FailedOperation.PhoneNumberParseFail",
    "InvalidParameterValue.IncorrectPhoneNumber",
    "LimitExceeded.AppCountryOrRegionInBlacklist",
    "LimitExceeded.PhoneNumberDailyLimit",
    "LimitExceeded.PhoneNumberOneHourLimit",
    "LimitExceeded.PhoneNumberSameContentDailyLimit",
    "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone",
    "UnsupportedOperation.UnsupportedRegion",
}
PASSING = {
    "FailedOperation.FailResolvePacket",
    "FailedOperation.JsonParseFail",
    "FailedOperation.OtherError",
    "LimitExceeded.DeliveryFrequencyLimit",
    "LimitExceeded.GlobalSmsSendingRateLimit",
    "LimitExceeded.PhoneNumberThirtySecondLimit",
}
LASTING = {
    "InternalError.RequestTimeException",
    "InternalError.RestApiInterfaceNotExist",
    "InternalError.SigFieldMissing",
    "InternalError.SigVerificationFail",
}
OF_THE_ACCOUNT = {
    "ActionOffline", "AuthFailure", "FailedOperation", "InvalidAction", "InvalidCredential", "InvalidParameter", "InvalidParameterValue",
    "IpInBlacklist", "IpNotInWhitelist", "LimitExceeded", "MissingParameter", "NoSuchVersion", "UnauthorizedOperation", "UnknownParameter",
    "UnsupportedOperation", "UnsupportedProtocol", "UnsupportedRegion",
}  # fmt: skip
"""The first words of codes that last until somebody mends the account or the settings."""


def outcome_of(code: str) -> Failure:
    """Class a code of the provider. An unknown one may pass."""
    if code in OF_THE_NUMBER:
        return "permanent-failure"
    if code in LASTING or (code not in PASSING and code.partition(".")[0] in OF_THE_ACCOUNT):
        return "technical-failure"
    return "temporary-failure"


class TencentSms:
    """An account of Tencent Cloud SMS. Each thread needs one of its own."""

    def __init__(self, settings: TencentSettings, seconds: float = SECONDS) -> None:
        # At DEBUG the SDK logs whole requests, with phone and code.
        logging.getLogger(LOGGER_NAME).setLevel(logging.WARNING)
        self._settings = settings
        http = HttpProfile(protocol=settings.protocol, endpoint=settings.host, reqTimeout=seconds)
        credential = Credential(settings.secret_id, settings.secret_key)
        self._client = SmsClient(credential, settings.region, ClientProfile(httpProfile=http))
        if settings.is_here:
            self._client.request.conn.proxy = None
            self._client.request.conn._session.trust_env = False

    def send(self, letter: Letter) -> Receipt:
        if (template := self._settings.templates.get(letter.text)) is None:
            raise SendingError("technical-failure", f"{NOT_FILED}{letter.text}")
        request = SendSmsRequest()
        request.PhoneNumberSet = [letter.to]
        request.SmsSdkAppId = self._settings.app_id
        request.TemplateId = template
        request.SignName = self._settings.sign_name
        request.TemplateParamSet = [letter.parameters[name] for name in texts()[letter.text].parameters]
        request.SessionContext = str(letter.reference)
        request.ExtendCode = letter.extension
        answer = self._ask(self._client.SendSms, request)
        status = answer.SendStatusSet[0] if answer.SendStatusSet else None
        if status is None or status.Code != OK:
            raise _refusal(status.Code if status else "NoStatus")
        return Receipt("taken", status.SerialNo)

    def find(self, letter: Letter, since: datetime) -> Found:
        """Look for the reference among the telephone's reports. The provider lists only those that ended: absence proves nothing."""
        request = PullSmsSendStatusByPhoneNumberRequest()
        request.BeginTime = int(since.timestamp()) - 60
        request.Offset, request.Limit = 0, 100
        request.PhoneNumber = letter.to
        request.SmsSdkAppId = self._settings.app_id
        answer = self._ask(self._client.PullSmsSendStatusByPhoneNumber, request)
        for status in answer.PullSmsSendStatusSet or []:
            if status.SessionContext == str(letter.reference):
                return "delivered" if status.ReportStatus == "SUCCESS" else "permanent-failure"
        return "unknown"

    def close(self) -> None:
        self._client.request.conn._session.close()

    def _ask(self, call: Any, request: Any) -> Any:
        """Call the provider. Raises `SendingError`."""
        try:
            return call(request)
        except TencentCloudSDKException as error:
            # The SDK's exception quotes the answer, which holds the phone: it may not be chained.
            raise _refusal(error.get_code()) from None


def _refusal(said: Any) -> SendingError:
    code = said if isinstance(said, str) and _PLAIN.match(said) else "unknown"
    return SendingError(outcome_of(code), code)
