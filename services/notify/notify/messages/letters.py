"""Letters: the words of a notice or a code, with the address that they go to."""

from typing import Any

from chassis.wording import ItemWords
from notify.channels.interface import Letter
from notify.channels.texts import CODE, clean_parameter, text_for, texts
from notify.messages.actions import Claimed
from notify.messages.contacts import Code, Contact
from notify.messages.rules import EMAIL
from notify.model import Notice
from notify.words import readable_facts, words_for

LANGUAGE = "zh-CN"
CODE_TITLE = "验证码"


def write_code(claimed: Claimed, code: Code, minutes: int) -> Letter:
    """Write the letter with a code."""
    phone = code.phone or ""
    to = code.email or (phone if phone.startswith("+") else f"+86{phone}")
    parameters = {"code": code.code, "minutes": str(minutes)}
    return Letter(claimed.id, to, LANGUAGE, CODE, parameters, CODE_TITLE, texts()[CODE].render(parameters))


def write_notice(claimed: Claimed, notice: Notice, item: ItemWords, to: str) -> Letter:
    """Write the letter of a notice."""
    words = words_for(notice.kind, notice.side, notice.facts, LANGUAGE, item)
    text = text_for(notice.kind, notice.side)
    known: dict[str, Any] = readable_facts(notice.kind, notice.side, notice.facts, LANGUAGE, item) | words
    if any(not known.get(name) for name in text.parameters):
        text = texts()["news"]
    parameters = {name: clean_parameter(str(known[name])) for name in text.parameters}
    return Letter(claimed.id, to, LANGUAGE, text.name, parameters, words["title"], words["text"])


def address_of(contact: Contact | None, channel: str) -> str | None:
    """Return the address of a recipient on a channel, or None without one."""
    if contact is None:
        return None
    return contact.email if channel == EMAIL else contact.telephone
