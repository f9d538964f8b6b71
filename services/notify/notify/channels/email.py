"""E-mail by SMTP with TLS: text and HTML, and the message's id as Message-ID."""

import smtplib
import ssl
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from jinja2 import Environment

from chassis.data.database import now
from notify.channels.interface import Failure, Found, Letter, Receipt, SendingError
from notify.settings import SmtpSettings

SECONDS = 10.0
_MAILBOX_REFUSED = {450, 451, 452, 550, 551, 552, 553}
_PAGE = Environment(autoescape=True).from_string(
    '<!doctype html><html lang="{{ language }}"><meta charset="utf-8"><body style="font: 16px/1.7 sans-serif; color: #1f2933">'
    '<h1 style="font-size: 20px">{{ title }}</h1>{% for line in lines %}<p>{{ line }}</p>{% endfor %}'
    '<p><a href="{{ link }}">{{ label }}</a></p><p style="color: #52606d; font-size: 14px">{{ foot }}'
    '{% if ending %} <a href="{{ ending }}" style="color: #52606d">{{ ending_label }}</a>{% endif %}</p></body></html>'
)
_LABELS = {
    "zh-CN": ("打开对接平台", "这封邮件由对接平台自动发出，请勿回复。", "不再接收邮件"),
    "en": ("Open Duijie", "Duijie sent this mail by itself. Please do not answer it.", "Send me no more mails"),
}


class Email:
    """One account at a mail server. The connection is opened for each letter: a mail server forgets idle ones."""

    def __init__(self, settings: SmtpSettings, seconds: float = SECONDS) -> None:
        self._settings, self._seconds = settings, seconds
        self._tls = ssl.create_default_context(cafile=settings.ca_file or None)

    def send(self, letter: Letter) -> Receipt:
        try:
            mail = write_mail(letter, self._settings)
        except (ValueError, HeaderParseError):
            raise SendingError("permanent-failure", "smtp.wrong_address") from None
        try:
            with self._connect() as server:
                server.send_message(mail, self._settings.sender, [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(*next(iter(error.recipients.values()))[:1], of_mailbox=True) from None
        except smtplib.SMTPAuthenticationError as error:
            raise SendingError("technical-failure", f"smtp.{error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code) from None
        except (smtplib.SMTPException, OSError) as error:
            # A certificate that nobody trusts stays so until somebody mends it; everything else of a connection may pass.
            lasting = isinstance(error, ssl.SSLCertVerificationError | smtplib.SMTPNotSupportedError)
            raise SendingError("technical-failure" if lasting else "temporary-failure", f"smtp.{type(error).__name__}") from None
        return Receipt("delivered")

    def find(self, letter: Letter, since: datetime) -> Found:
        """Nobody can ask a mail server. The Message-ID stays the same, so that a mailbox can recognise a repetition."""
        return "unknown"

    def close(self) -> None:
        """Nothing is kept open."""

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=self._seconds, context=self._tls)
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=self._seconds)
        try:
            if settings.security == "starttls":
                server.starttls(context=self._tls)
            if settings.username:
                server.login(settings.username, settings.password)
        except BaseException:
            server.close()
            raise
        return server


def write_mail(letter: Letter, settings: SmtpSettings) -> EmailMessage:
    """Write a mail in text and HTML. Raises `ValueError` or `HeaderParseError` for an address that is none."""
    label, foot, ending_label = _LABELS[letter.language]
    link = settings.public_url
    ending = f"{link}/v1/notices/unsubscribing/{letter.unsubscribing_key}" if letter.unsubscribing_key else ""
    mail = EmailMessage()
    mail["From"] = Address(settings.sender_name, addr_spec=settings.sender)
    mail["To"] = Address(addr_spec=letter.to)
    mail["Subject"] = " ".join(letter.title.split())
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = f"<{letter.reference}@{settings.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if ending:
        mail["List-Unsubscribe"] = f"<{ending}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Content-Language"] = letter.language
    colon = "：" if letter.language == "zh-CN" else ": "
    foot_lines = f"{foot}\n{ending_label}{colon}{ending}" if ending else foot
    mail.set_content(f"{letter.body}\n\n{label}{colon}{link}\n\n-- \n{foot_lines}\n", cte="base64")
    page = _PAGE.render(
        language=letter.language,
        title=letter.title,
        lines=letter.body.splitlines(),
        link=link,
        label=label,
        foot=foot,
        ending=ending,
        ending_label=ending_label,
    )
    mail.add_alternative(page, subtype="html", cte="base64")
    return mail


def _refusal(code: int, of_mailbox: bool = False) -> SendingError:
    """Class a reply code: 4xx may pass; of a mailbox, 5xx holds for it alone; other 5xx are about the account or the mail."""
    outcome: Failure = "temporary-failure"
    if 500 <= code < 600:
        outcome = "permanent-failure" if of_mailbox and code in _MAILBOX_REFUSED else "technical-failure"
    return SendingError(outcome, f"smtp.{code}")
