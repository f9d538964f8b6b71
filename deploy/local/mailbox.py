"""The mail server of the sandbox: it takes every mail on a loopback port, keeps it in memory, and passes none on."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from zoneinfo import ZoneInfo

from aiosmtpd.controller import Controller

KEPT = 1000


@dataclass(frozen=True)
class Mail:
    """A mail that arrived. `about` is the sender's reference."""

    to: str
    subject: str
    text: str
    about: str
    at: str


class Mailbox:
    """All mailboxes of the sandbox."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._mails: deque[Mail] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def open(self) -> None:
        """Listen on the port of this machine. Raises `SystemExit` when it is taken."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        try:
            self._controller.start()
        except OSError as error:
            raise SystemExit(f"port {self.port}, which the sandbox's mail server listens on, is taken ({error.strerror})") from None

    def close(self) -> None:
        self._controller.stop()

    def mails(self, to: str | None = None) -> list[Mail]:
        """List the mails to an address, or all, the newest first."""
        with self._lock:
            kept = list(self._mails)
        return [one for one in reversed(kept) if to in {None, one.to}]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        body = mail.get_body(("plain", "html"))
        text = str(body.get_content()) if body else ""
        about = str(mail.get("Message-ID", "")).strip("<>").partition("@")[0]
        at = datetime.now(ZoneInfo("Asia/Shanghai")).isoformat(timespec="seconds")
        with self._lock:
            self._mails.extend(Mail(to, str(mail.get("Subject", "")), text.strip(), about, at) for to in envelope.rcpt_tos)
        return "250 OK"
