"""Letters to endpoints: the JSON of a webhook, or the words for a bot, made when they are sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from notify.channels.interface import Letter
from notify.endpoints.model import TEST, Delivery, Endpoint
from notify.endpoints.rules import WEBHOOK
from notify.messages.actions import Claimed
from notify.templates.speaking import Speaker

_TEST = {
    "zh-CN": ("测试消息", "验证码 {code}，24 小时内有效。请在对接平台输入它，完成绑定。如非本单位操作，请忽略。"),
    "en": ("A test", "The code is {code}, valid for 24 hours. Enter it on Duijie to connect. If you did not ask for it, ignore it."),
}
_MORE = {"zh-CN": "另有 {more} 条同类消息。", "en": "There are {more} more like this."}


class EndpointBook:
    """The addresses and contents of messages to endpoints."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def write_letters(self, session: Session, claimed: Sequence[Claimed]) -> Mapping[UUID, Letter]:
        """Write the letters of these messages. One to an endpoint that is gone, disabled or not proven is left out."""
        asked = [one.id for one in claimed]
        contents = {one.message_id: one for one in session.scalars(select(Delivery).where(Delivery.message_id.in_(asked)))}
        wanted = {one.endpoint_id for one in contents.values()}
        endpoints = {one.id: one for one in session.scalars(select(Endpoint).where(Endpoint.id.in_(wanted)))}
        speaker = Speaker.of(session, contents.values())
        letters = {}
        for one in claimed:
            content = contents.get(one.id)
            endpoint = endpoints.get(content.endpoint_id) if content else None
            if content and endpoint and (endpoint.state == "active" or content.kind == TEST):
                letters[one.id] = write_letter(endpoint, content, one.created_at, speaker, self._public_url)
        return letters


def write_letter(endpoint: Endpoint, content: Delivery, created_at: datetime, speaker: Speaker, public_url: str) -> Letter:
    """Write the letter of a delivery, with the address of the endpoint and the secrets that hold now."""
    words = _words_of(endpoint, content, speaker)
    secrets = [endpoint.secret] if endpoint.secret else []
    if endpoint.former_secret and endpoint.former_until and endpoint.former_until > now():
        secrets.append(endpoint.former_secret)
    if endpoint.channel == WEBHOOK:
        body = _write_json(content, created_at, words, endpoint)
    else:
        body = _write_words(endpoint, content, words, public_url)
    return Letter(content.message_id, endpoint.address, endpoint.language, "", {}, words["title"], body, secrets=tuple(secrets))


def _words_of(endpoint: Endpoint, content: Delivery, speaker: Speaker) -> dict[str, str]:
    if content.kind != TEST:
        return speaker.words_of(content, endpoint.language)
    title, text = _TEST[endpoint.language]
    return {"title": title, "text": text.format(code=endpoint.proof or "–")}


def _write_json(content: Delivery, created_at: datetime, words: Mapping[str, str], endpoint: Endpoint) -> str:
    data: dict[str, Any] = {"endpoint_id": endpoint.id, **words}
    if content.kind == TEST:
        data["code"] = endpoint.proof
    else:
        data |= {"side": content.side, "about": content.about, "about_version": content.about_version, "facts": content.facts}
    return msgspec.json.encode({"type": content.kind, "timestamp": created_at, "data": data}).decode()


def _write_words(endpoint: Endpoint, content: Delivery, words: Mapping[str, str], public_url: str) -> str:
    more = _MORE[endpoint.language].format(more=content.more) if content.more else ""
    return "\n".join(one for one in (words["text"], more, public_url) if one)
