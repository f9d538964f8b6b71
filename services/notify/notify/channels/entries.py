"""The list of providers. A new channel is a file with one class, and one entry here."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from notify.channels.aliyun import AliyunSms
from notify.channels.bots import DIALECTS, Bots
from notify.channels.email import Email
from notify.channels.guarded import GuardedClient
from notify.channels.interface import Provider
from notify.channels.push import PushServices, WebPush
from notify.channels.tencent import TencentSms
from notify.channels.webhooks import Webhooks
from notify.channels.wechat import Wechat, WechatToken
from notify.settings import Allowance, SendingSettings


@dataclass(frozen=True)
class Entry:
    """One provider: its name, its channel, the most that it gets, and how to make one for a thread.

    A provider that `reports` says later what became of a letter; any other has delivered what it took. `texts` are the short texts that it
    has filed, None where none needs to be. `extensions` choose among the numbers that it sends from, for questions.
    """

    name: str
    channel: str
    allowance: Allowance
    make: Callable[[], Provider]
    reports: bool = False
    texts: frozenset[str] | None = None
    extensions: tuple[str, ...] = ("",)

    def may_send(self, text: str) -> bool:
        """Tell whether the provider has filed a text."""
        return self.texts is None or text in self.texts


BOT, WEBHOOK = Allowance(per_day=2_000, per_second=0.3), Allowance(per_day=200_000, per_second=20)
"""The most that one bot, and one receiver of webhooks, gets. Services take twenty letters a minute for a bot."""


def list_providers(
    settings: SendingSettings, forget: Callable[[Collection[UUID]], None], link: Callable[[UUID, str], None]
) -> tuple[Entry, ...]:
    """List the providers that are set, in the order in which they are tried within a channel.

    `forget` is told the browsers that their push service does not know any more, `link` the openid that a code of WeChat was for.
    """
    found = []
    if tencent := settings.tencent:
        make = partial(TencentSms, tencent)
        filed = frozenset(tencent.templates)
        found.append(Entry("tencent", "sms", settings.sms, make, settings.is_reported, filed, tencent.extensions))
    if aliyun := settings.aliyun:
        found.append(Entry("aliyun", "sms", settings.sms, partial(AliyunSms, aliyun), settings.is_reported, frozenset(aliyun.templates)))
    if smtp := settings.smtp:
        found.append(Entry("smtp", "email", settings.email, partial(Email, smtp)))
    if vapid := settings.vapid:
        found.append(Entry("web_push", "push", settings.push, lambda: WebPush(vapid, PushServices(vapid.hosts), forget)))
    if wechat := settings.wechat:
        token = WechatToken()
        found.append(Entry("wechat", "wechat", settings.wechat_allowance, lambda: Wechat(wechat, token, link)))
    client = GuardedClient(settings.endpoints)
    found.append(Entry("webhook", "webhook", WEBHOOK, partial(Webhooks, client)))
    found += [Entry(name, name, BOT, partial(Bots, name, client)) for name in DIALECTS]
    return tuple(found)
