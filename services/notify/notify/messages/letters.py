"""Letters: the words of a notice or a code, with the address that they go to."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.wording import ItemWords
from notify.channels.interface import Letter
from notify.channels.texts import CODE, NEWS, clean_parameter, text_for, texts
from notify.messages.actions import Claimed
from notify.messages.contacts import Code, Contact
from notify.messages.rules import EMAIL
from notify.model import Notice
from notify.words import readable_facts, words_for

LANGUAGE = "zh-CN"
CODE_TITLE = "验证码"
MOST_IN_DIGEST = 20


def write_code(claimed: Claimed, code: Code, minutes: int) -> Letter:
    """Write the letter with a code."""
    phone = code.phone or ""
    to = code.email or (phone if phone.startswith("+") else f"+86{phone}")
    parameters = {"code": code.code, "minutes": str(minutes)}
    return Letter(claimed.id, to, LANGUAGE, CODE, parameters, CODE_TITLE, texts()[CODE].render(parameters))


def write_letter(claimed: Claimed, notices: Sequence[Notice], items: Mapping[str, ItemWords], to: str, key: str | None = None) -> Letter:
    """Write the letter of one notice, or the digest of several. `key` lets the recipient unsubscribe."""
    if len(notices) > 1:
        return write_digest(claimed, notices, items, to, key)
    [notice] = notices
    return write_notice(claimed, notice, items[category_of(notice)], to, key)


def write_digest(claimed: Claimed, notices: Sequence[Notice], items: Mapping[str, ItemWords], to: str, key: str | None = None) -> Letter:
    """Write one letter about several notices. The newest are told in full; SMS say how many there are."""
    shown = [words_for(one.kind, one.side, one.facts, LANGUAGE, items[category_of(one)]) for one in reversed(notices[-MOST_IN_DIGEST:])]
    parts = [f"{number}. {words['title']}\n{words['text']}" for number, words in enumerate(shown, 1)]
    if left := len(notices) - len(shown):
        parts.append(f"另有 {left} 条较早的通知，请登录查看。")
    count = f"您有 {len(notices)} 条未读通知"
    parameters = {"title": clean_parameter(count)}
    return Letter(claimed.id, to, LANGUAGE, NEWS, parameters, count, "\n\n".join(parts), key)


def category_of(notice: Notice) -> str:
    """Return the item that a notice is about; "" without any."""
    return str(notice.facts.get("category", ""))


def write_notice(claimed: Claimed, notice: Notice, item: ItemWords, to: str, key: str | None = None) -> Letter:
    """Write the letter of a notice."""
    words = words_for(notice.kind, notice.side, notice.facts, LANGUAGE, item)
    text = text_for(notice.kind, notice.side)
    known: dict[str, Any] = readable_facts(notice.kind, notice.side, notice.facts, LANGUAGE, item) | words
    if any(not known.get(name) for name in text.parameters):
        text = texts()[NEWS]
    parameters = {name: clean_parameter(str(known[name])) for name in text.parameters}
    return Letter(claimed.id, to, LANGUAGE, text.name, parameters, words["title"], words["text"], key)


def address_of(contact: Contact | None, channel: str) -> str | None:
    """Return the address of a recipient on a channel, or None without one."""
    if contact is None:
        return None
    return contact.email if channel == EMAIL else contact.telephone
