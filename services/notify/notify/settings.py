"""Settings of the process that sends messages: accounts at providers, what they may cost, the door of users."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chassis.environment import NEEDED, Environment, IPNetwork, read_all
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
    more_templates: Mapping[str, str] = field(default_factory=dict)
    extension_codes: int = 0

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions of the numbers that texts come from: each lets one more question be open for a telephone."""
        return ("", *map(str, range(1, self.extension_codes + 1)))

    @property
    def templates(self) -> Mapping[str, str]:
        """The numbers of the filed templates, by the name of their short text."""
        return {"code": self.template_id, **self.more_templates}

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
            more_templates=_templates(env, "TENCENT_SMS_TEMPLATES", "[0-9]{1,20}", "news=1234567,help_coming=1234568"),
            extension_codes=env.whole("TENCENT_SMS_EXTENSIONS", 0, 0, 9),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class AliyunSettings:
    """An account of Aliyun SMS: `ALIYUN_KEY_ID`, `ALIYUN_KEY_SECRET`, and `ALIYUN_SMS_…`."""

    key_id: str
    key_secret: str
    sign_name: str
    templates: Mapping[str, str]
    endpoint: str

    @classmethod
    def of_environment(cls) -> "AliyunSettings":
        """Read the settings. Raises `SettingsError` naming each that is missing or wrong."""
        env = Environment()
        read = cls(
            key_id=env.text("ALIYUN_KEY_ID", NEEDED, "the AccessKey ID of a RAM user of Aliyun", r"[A-Za-z0-9._-]{8,128}"),
            key_secret=env.text("ALIYUN_KEY_SECRET", NEEDED, "the AccessKey Secret of that user", r"[A-Za-z0-9._-]{8,128}"),
            sign_name=env.text("ALIYUN_SMS_SIGN_NAME", NEEDED, "the text of an approved signature, without brackets", r"[^\s【】]{2,30}"),
            templates=_templates(env, "ALIYUN_SMS_TEMPLATES", "SMS_[0-9]{1,20}", "code=SMS_1234567,news=SMS_1234568", default=NEEDED),
            endpoint=env.text(
                "ALIYUN_SMS_ENDPOINT",
                "https://dysmsapi.aliyuncs.com",
                "an https address such as https://dysmsapi.aliyuncs.com, or http on this machine",
                rf"https://{HOST}|http://(?:127\.0\.0\.1|localhost)(?::[0-9]{{1,5}})?",
            ),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class SmtpSettings:
    """An account at a mail server: `SMTP_HOST`, `SMTP_SENDER` and more. Without TLS only a server of this machine is spoken to."""

    host: str
    port: int
    security: str
    username: str
    password: str
    sender: str
    sender_name: str
    ca_file: str
    public_url: str

    @classmethod
    def of_environment(cls) -> "SmtpSettings":
        """Read the settings. Raises `SettingsError` naming each that is missing or wrong."""
        env = Environment()
        host = env.text("SMTP_HOST", NEEDED, "the name of a mail server, such as smtp.example.org", r"[A-Za-z0-9.-]{1,253}")
        here = host in {"127.0.0.1", "localhost"}
        read = cls(
            host=host,
            port=env.whole("SMTP_PORT", 587, 1, 65_535),
            security=env.one_of("SMTP_SECURITY", "starttls", ("starttls", "tls", *(["none"] if here else []))),
            username=env.text("SMTP_USERNAME", "", "the name of the account, without line breaks", r"[^\s]{0,200}"),
            password=env.text("SMTP_PASSWORD", "", "the password of the account, without line breaks", r"[^\r\n]{0,200}"),
            sender=env.text(
                "SMTP_SENDER", NEEDED, "the address of the sender, such as duijie@example.org", r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+"
            ),
            sender_name=env.text("SMTP_SENDER_NAME", "对接平台", "the name of the sender, in one line", r"[^\r\n<>]{1,60}"),
            ca_file=env.authorities("SMTP_CA_FILE"),
            public_url=env.site_address("PUBLIC_URL", "http://127.0.0.1:8000"),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """`SMS_REPORT_KEYS`: the key in the address to which each provider reports. Without its key a provider is not listened to."""

    keys: Mapping[str, str]

    @classmethod
    def of_environment(cls) -> "ReportSettings":
        """Read the keys. Raises `SettingsError` when one is short or of no provider."""
        env = Environment()
        pair = r"(?:tencent|aliyun)=[A-Za-z0-9_-]{32,200}"
        wanted = "random texts of 32 letters and digits or more, by provider, such as tencent=…,aliyun=…"
        listed = env.text("SMS_REPORT_KEYS", "", wanted, rf"{pair}(?:,{pair})*")
        env.check()
        return cls(keys=dict(one.split("=") for one in listed.split(",") if one))


@dataclass(frozen=True, kw_only=True)
class WorkListSettings:
    """`users_url` is where names for a printed work list are fetched; `public_url` is the address of the site on it."""

    users_url: str
    public_url: str

    @classmethod
    def of_environment(cls) -> "WorkListSettings":
        """Read the settings. Raises `SettingsError` when an address is wrong."""
        env = Environment()
        read = cls(users_url=_users_url(env), public_url=env.site_address("PUBLIC_URL", "http://127.0.0.1:8000"))
        env.check()
        return read


KEY = "[A-Za-z0-9_-]"
PUSH_HOSTS = "fcm.googleapis.com,updates.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com"


@dataclass(frozen=True, kw_only=True)
class PushSettings:
    """`VAPID_PUBLIC_KEY`, with which browsers subscribe, and `PUSH_HOSTS`, the push services that may be called. Empty without a key."""

    public_key: str
    hosts: tuple[str, ...]

    @classmethod
    def of_environment(cls) -> "PushSettings":
        """Read the settings. Raises `SettingsError` naming each that is wrong."""
        env = Environment()
        read = cls(
            public_key=env.text("VAPID_PUBLIC_KEY", "", "a point of P-256 in URL-safe base64, of 87 characters", f"{KEY}{{87}}"),
            hosts=_push_hosts(env),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class VapidSettings:
    """The house's identity at push services: `VAPID_PRIVATE_KEY` signs, `VAPID_SUBJECT` says whom to write to about it.

    `hosts` are the push services that may be called.
    """

    private_key: str
    subject: str
    hosts: tuple[str, ...] = ()

    @classmethod
    def of_environment(cls) -> "VapidSettings":
        """Read the settings. Raises `SettingsError` naming each that is missing or wrong."""
        env = Environment()
        read = cls(
            private_key=env.text("VAPID_PRIVATE_KEY", NEEDED, "a key of P-256 in URL-safe base64, of 43 characters", f"{KEY}{{43}}"),
            subject=env.text(
                "VAPID_SUBJECT",
                NEEDED,
                "whom push services write to, such as mailto:duijie@example.org",
                r"mailto:[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+|https://[A-Za-z0-9.-]+(?:/\S*)?",
            ),
            hosts=_push_hosts(env),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class WechatSettings:
    """A mini-program whose users get subscription messages: `WECHAT_…`. `fields` says what each field of the template is filled with."""

    app_id: str
    app_secret: str
    template_id: str
    fields: Mapping[str, str]
    page: str
    endpoint: str

    @classmethod
    def of_environment(cls) -> "WechatSettings":
        """Read the settings. Raises `SettingsError` naming each that is missing or wrong."""
        env = Environment()
        pair = r"[a-z_]+[0-9]+=(?:title|at)"
        fields = env.text(
            "WECHAT_TEMPLATE_FIELDS", "thing1=title,time2=at", "fields of the template, such as thing1=title", f"{pair}(?:,{pair})*"
        )
        read = cls(
            app_id=env.text("WECHAT_APP_ID", NEEDED, "the AppID of the mini-program, such as wx1234567890abcdef", r"wx[0-9a-f]{16}"),
            app_secret=env.text("WECHAT_APP_SECRET", NEEDED, "the AppSecret of the mini-program", r"[0-9a-f]{32}"),
            template_id=env.text(
                "WECHAT_TEMPLATE_ID", NEEDED, "the id of a chosen template of subscription messages", r"[A-Za-z0-9_-]{20,80}"
            ),
            fields=dict(one.split("=") for one in fields.split(",")),
            page=env.text("WECHAT_PAGE", "pages/notices/index", "the page that a message opens", r"[A-Za-z0-9/_?=&-]{1,200}"),
            endpoint=env.text(
                "WECHAT_ENDPOINT",
                "https://api.weixin.qq.com",
                "an https address such as https://api.weixin.qq.com, or http on this machine",
                rf"https://{HOST}|http://(?:127\.0\.0\.1|localhost)(?::[0-9]{{1,5}})?",
            ),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Settings of endpoints, which say what may be called: `ENDPOINT_…`.

    `networks` are private ones that may be called besides public addresses, as those of a government's own network. `ports` are those of
    addresses, `ca_file` holds certificates to trust besides the system's. `bot_hosts` are further hosts of a service that runs its own.
    `public_url` stands below what bots say.
    """

    networks: tuple[IPNetwork, ...] = ()
    ports: frozenset[int] = frozenset({443})
    ca_file: str = ""
    bot_hosts: Mapping[str, str] = field(default_factory=dict)
    public_url: str = ""

    @classmethod
    def of_environment(cls) -> "EndpointSettings":
        """Read the settings. Raises `SettingsError` naming each that is wrong."""
        env = Environment()
        port = r"[1-9][0-9]{0,4}"
        pair = rf"(?:wecom|dingtalk|feishu)={HOST}"
        networks = env.networks("ENDPOINT_NETWORKS")
        ports = env.text("ENDPOINT_PORTS", "443", "ports separated by commas, such as 443,8443", rf"{port}(?:,{port})*")
        hosts = env.text("ENDPOINT_BOT_HOSTS", "", "pairs of service and host, such as wecom=im.example.org", rf"{pair}(?:,{pair})*")
        ca_file = env.authorities("ENDPOINT_CA_FILE")
        public_url = env.site_address("PUBLIC_URL", "http://127.0.0.1:8000")
        env.check()
        return cls(
            networks=networks,
            ports=frozenset(map(int, ports.split(","))),
            ca_file=ca_file,
            bot_hosts=dict(one.split("=") for one in hosts.split(",") if one),
            public_url=public_url,
        )


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The most letters that a provider gets: in a day (in China), and in a second."""

    per_day: int
    per_second: float


@dataclass(frozen=True, kw_only=True)
class SendingSettings:
    """Settings of the sending process. `door` is None when no provider is set: then nothing is sent.

    `providers` are in the order in which they are tried within a channel. `reported` tells that providers of SMS report to
    `/v1/messages/reports`; without reports a message counts as delivered once the provider took it.
    """

    users_url: str
    door: DoorSettings | None
    tencent: TencentSettings | None
    aliyun: AliyunSettings | None
    smtp: SmtpSettings | None
    vapid: VapidSettings | None
    wechat: WechatSettings | None
    sms: Allowance
    email: Allowance
    push: Allowance
    wechat_allowance: Allowance
    is_reported: bool
    endpoints: EndpointSettings

    @classmethod
    def of_environment(cls) -> "SendingSettings":
        """Read the settings. Raises `SettingsError` when one is wrong, or some of a provider's are set and others are missing."""
        env = Environment()
        users_url = _users_url(env)
        sms = Allowance(per_day=env.whole("SMS_PER_DAY", 20_000, 1, 10**8), per_second=env.number("SMS_PER_SECOND", 100, 0.1, 10**4))
        email = Allowance(per_day=env.whole("EMAIL_PER_DAY", 20_000, 1, 10**8), per_second=env.number("EMAIL_PER_SECOND", 20, 0.1, 10**4))
        push = Allowance(per_day=env.whole("PUSH_PER_DAY", 10**6, 1, 10**9), per_second=env.number("PUSH_PER_SECOND", 200, 0.1, 10**4))
        wechat_allowance = Allowance(
            per_day=env.whole("WECHAT_PER_DAY", 10**6, 1, 10**9), per_second=env.number("WECHAT_PER_SECOND", 50, 0.1, 10**4)
        )
        reported = env.one_of("SMS_REPORTS", "no", ("yes", "no"))
        has_tencent = env.is_any_set(
            *(f"TENCENT_{name}" for name in ("SECRET_ID", "SECRET_KEY", "SMS_APP_ID", "SMS_TEMPLATE_ID", "SMS_SIGN_NAME"))
        )
        has_aliyun = env.is_any_set("ALIYUN_KEY_ID", "ALIYUN_KEY_SECRET", "ALIYUN_SMS_SIGN_NAME", "ALIYUN_SMS_TEMPLATES")
        has_smtp = env.is_any_set("SMTP_HOST", "SMTP_SENDER")
        has_vapid = env.is_any_set("VAPID_PRIVATE_KEY", "VAPID_SUBJECT")
        has_wechat = env.is_any_set("WECHAT_APP_ID", "WECHAT_APP_SECRET", "WECHAT_TEMPLATE_ID")
        door, tencent, aliyun, smtp, vapid, wechat, endpoints, _ = read_all(
            DoorSettings.of_environment if has_tencent or has_aliyun or has_smtp else _nothing,
            TencentSettings.of_environment if has_tencent else _nothing,
            AliyunSettings.of_environment if has_aliyun else _nothing,
            SmtpSettings.of_environment if has_smtp else _nothing,
            VapidSettings.of_environment if has_vapid else _nothing,
            WechatSettings.of_environment if has_wechat else _nothing,
            EndpointSettings.of_environment,
            env.check,
        )
        return cls(
            users_url=users_url,
            door=door,
            tencent=tencent,
            aliyun=aliyun,
            smtp=smtp,
            vapid=vapid,
            wechat=wechat,
            sms=sms,
            email=email,
            push=push,
            wechat_allowance=wechat_allowance,
            is_reported=reported == "yes",
            endpoints=endpoints,
        )


def _push_hosts(env: Environment) -> tuple[str, ...]:
    host = r"(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?"
    return tuple(env.text("PUSH_HOSTS", PUSH_HOSTS, "hosts of push services, with commas", rf"{host}(?:,{host})*").split(","))


def _users_url(env: Environment) -> str:
    return env.web_address("USERS_URL", "http://127.0.0.1:8000", example="http://users:8000").rstrip("/")


def _nothing() -> None:
    """Read no settings."""


def _templates(env: Environment, name: str, number: str, example: str, default: str = "") -> dict[str, str]:
    """Read pairs `text=number`, separated by commas."""
    listed = env.text(name, default, f"pairs of short text and template, such as {example}", rf"[a-z_]+={number}(?:,[a-z_]+={number})*")
    return dict(pair.split("=") for pair in str(listed).split(",")) if "=" in str(listed) else {}
