"""Tencent Cloud SMS, by its SDK."""

import logging
import re

from tencentcloud.common.abstract_client import LOGGER_NAME
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111.models import SendSmsRequest
from tencentcloud.sms.v20210111.sms_client import SmsClient

from notify.settings import TencentSettings
from notify.sms.channel import Failure, SmsError

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
    """Class a code of the provider. An unknown one may pass: a code expires soon, so few attempts follow."""
    if code in OF_THE_NUMBER:
        return "number_refused"
    if code in LASTING or (code not in PASSING and code.partition(".")[0] in OF_THE_ACCOUNT):
        return "provider_refused"
    return "failed"


class TencentSms:
    """An SMS channel by one account of Tencent Cloud. Each thread needs one of its own."""

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

    def send_code(self, phone: str, code: str, minutes: int, reference: str) -> None:
        request = SendSmsRequest()
        request.PhoneNumberSet = [phone if phone.startswith("+") else f"+86{phone}"]
        request.SmsSdkAppId = self._settings.app_id
        request.TemplateId = self._settings.template_id
        request.SignName = self._settings.sign_name
        request.TemplateParamSet = [code, str(minutes)]
        request.SessionContext = reference
        try:
            answer = self._client.SendSms(request)
            said = answer.SendStatusSet[0].Code if answer.SendStatusSet else "NoStatus"
        except TencentCloudSDKException as error:
            said = error.get_code()
        if said != OK:
            code_of_provider = said if isinstance(said, str) and _PLAIN.match(said) else "unknown"
            # The SDK's exception quotes the answer, which holds the phone: it may not be chained.
            raise SmsError(outcome_of(code_of_provider), code_of_provider) from None
