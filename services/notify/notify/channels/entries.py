"""The list of providers. A new channel is a file with one class, and one entry here."""

from collections.abc import Callable
from dataclasses import dataclass

from notify.channels.aliyun import AliyunSms
from notify.channels.email import Email
from notify.channels.interface import Provider
from notify.channels.tencent import TencentSms
from notify.settings import Allowance, SendingSettings


@dataclass(frozen=True)
class Entry:
    """One provider: its name, its channel, the most that it gets, and how to make one for a thread.

    A provider that `reports` says later what became of a letter; any other has delivered what it took.
    """

    name: str
    channel: str
    allowance: Allowance
    make: Callable[[], Provider]
    reports: bool = False


def list_providers(settings: SendingSettings) -> tuple[Entry, ...]:
    """List the providers that are set, in the order in which they are tried within a channel."""
    found = []
    if tencent := settings.tencent:
        found.append(Entry("tencent", "sms", settings.sms, lambda: TencentSms(tencent), settings.is_reported))
    if aliyun := settings.aliyun:
        found.append(Entry("aliyun", "sms", settings.sms, lambda: AliyunSms(aliyun), settings.is_reported))
    if smtp := settings.smtp:
        found.append(Entry("smtp", "email", settings.email, lambda: Email(smtp)))
    return tuple(found)
