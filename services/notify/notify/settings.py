"""Settings of the process that sends SMS."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from chassis.environment import NEEDED, Environment, read_all
from chassis.http.doors import DoorSettings

HOST = r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?"


@dataclass(frozen=True, kw_only=True)
class TencentSettings:
    """An account of Tencent Cloud SMS: `TENCENT_SECRET_ID`, `TENCENT_SECRET_KEY`, and `TENCENT_SMS_…` of an application in it."""

    secret_id: str
    secret_key: str
    app_id: str
    template_id: str
    sign_name: str
    region: str
    endpoint: str

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    @property
    def is_here(self) -> bool:
        """Tell whether the endpoint is on this machine: then no proxy is asked, and no TLS is needed."""
        return self.protocol == "http"

    @property
    def protocol(self) -> str:
        return urlsplit(self.endpoint).scheme

    @classmethod
    def of_environment(cls) -> "TencentSettings":
        """Read the settings. Raises `SettingsError` naming each that is missing or wrong."""
        env = Environment()
        read = cls(
            secret_id=env.text("TENCENT_SECRET_ID", NEEDED, "the SecretId of an API key of Tencent Cloud", r"[A-Za-z0-9_-]{16,128}"),
            secret_key=env.text("TENCENT_SECRET_KEY", NEEDED, "the SecretKey of that API key", r"[A-Za-z0-9_-]{16,128}"),
            app_id=env.text("TENCENT_SMS_APP_ID", NEEDED, "the SdkAppId of the SMS application, such as 1400006666", r"[0-9]{1,20}"),
            template_id=env.text("TENCENT_SMS_TEMPLATE_ID", NEEDED, "the number of an approved template for codes", r"[0-9]{1,20}"),
            sign_name=env.text("TENCENT_SMS_SIGN_NAME", NEEDED, "the text of an approved signature, without brackets", r"[^\s【】]{2,30}"),
            region=env.text("TENCENT_SMS_REGION", "ap-guangzhou", "a region of Tencent Cloud SMS, such as ap-guangzhou", r"[a-z]+-[a-z]+"),
            endpoint=env.text(
                "TENCENT_SMS_ENDPOINT",
                "https://sms.tencentcloudapi.com",
                "an https address such as https://sms.tencentcloudapi.com, or http on this machine",
                rf"https://{HOST}|http://(?:127\.0\.0\.1|localhost)(?::[0-9]{{1,5}})?",
            ),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class SendingSettings:
    """Settings of the sending process. `provider` and `door` are None when no provider is set: then no SMS is sent."""

    users_url: str
    door: DoorSettings | None
    provider: TencentSettings | None

    @classmethod
    def of_environment(cls) -> "SendingSettings":
        """Read the settings. Raises `SettingsError` when one is wrong, or some of the provider's are set and others are missing."""
        env = Environment()
        names = ("TENCENT_SECRET_ID", "TENCENT_SECRET_KEY", "TENCENT_SMS_APP_ID", "TENCENT_SMS_TEMPLATE_ID", "TENCENT_SMS_SIGN_NAME")
        users_url = env.web_address("USERS_URL", "http://127.0.0.1:8000", example="http://users:8000").rstrip("/")
        if not env.is_any_set(*names):
            env.check()
            return cls(users_url=users_url, door=None, provider=None)
        door, provider, _ = read_all(DoorSettings.of_environment, TencentSettings.of_environment, env.check)
        return cls(users_url=users_url, door=door, provider=provider)
