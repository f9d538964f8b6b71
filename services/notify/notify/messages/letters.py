"""Letters: the words of a notice or a code, with the address that they go to, and the question that they ask."""

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from contracts.notices import kinds
from contracts.notify import Asked
from notify.channels.interface import Letter
from notify.channels.texts import CODE, NEWS, SHARED, ShortText, asking_text_for, clean_parameter, text_for, texts
from notify.channels.wechat import LINK
from notify.messages.actions import Claimed
from notify.messages.contacts import Code, Contact
from notify.messages.rules import CHINA, EMAIL, SMS, URGENT
from notify.model import Notice
from notify.questions import rules
from notify.questions.actions import Asking
from notify.questions.model import Question
from notify.subscriptions.model import PushSubscription
from notify.templates.speaking import Speaker
from notify.wechat.model import WechatLink
from notify.words import readable_facts

LANGUAGE = "zh-CN"
CODE_MAILS = {
    "zh-CN": (
        "验证码",
        "{code}为您的对接平台验证码，{minutes}分钟内有效。请勿告诉他人，工作人员不会向您索取。如非本人操作，请忽略本邮件。",
    ),
    "en": (
        "Your code",
        "{code} is your code for Duijie, valid for {minutes} minutes. Tell nobody. If you did not ask for it, ignore this mail.",
    ),
}
DIGESTS = {"zh-CN": "您有 {count} 条未读通知", "en": "You have {count} unread notices"}
EARLIER = {"zh-CN": "另有 {left} 条较早的通知，请登录查看。", "en": "There are {left} earlier ones. Sign in to read them."}
MOST_IN_DIGEST = 20
Filed = Callable[[str], bool]
PUSH_TITLES = ("新的通知", "Something new")
PUSH_BODIES = {"zh-CN": "请打开对接平台查看。", "en": "Open Duijie to read it."}


def write_code(claimed: Claimed, code: Code, minutes: int) -> Letter:
    """Write the letter with a code: a mail in the language of whoever asked for it, or the filed SMS."""
    parameters = {"code": code.code, "minutes": str(minutes)}
    if code.email:
        language = code.language if code.language in CODE_MAILS else LANGUAGE
        title, body = CODE_MAILS[language]
        return Letter(claimed.id, code.email, language, CODE, parameters, title, body.format_map(parameters))
    phone = code.phone or ""
    to = phone if phone.startswith("+") else f"+86{phone}"
    return Letter(claimed.id, to, LANGUAGE, CODE, parameters, "", texts()[CODE].render(parameters))


def write_letter(
    claimed: Claimed,
    notices: Sequence[Notice],
    speaker: Speaker,
    to: str,
    key: str | None = None,
    whose: str | None = None,
    is_filed: Filed = lambda text: True,
    language: str = LANGUAGE,
) -> Letter:
    """Write the letter of one notice, or the digest of several. `key` lets the recipient unsubscribe."""
    if len(notices) > 1:
        return write_digest(claimed, notices, speaker, to, key, language)
    [notice] = notices
    return write_notice(claimed, notice, speaker, to, whose, is_filed, key, language)


def write_digest(
    claimed: Claimed, notices: Sequence[Notice], speaker: Speaker, to: str, key: str | None = None, language: str = LANGUAGE
) -> Letter:
    """Write one letter about several notices. The newest are told in full; SMS say how many there are."""
    shown = [speaker.words_of(one, language) for one in reversed(notices[-MOST_IN_DIGEST:])]
    parts = [f"{number}. {words['title']}\n{words['text']}" for number, words in enumerate(shown, 1)]
    if left := len(notices) - len(shown):
        parts.append(EARLIER[language].format(left=left))
    count = DIGESTS[language].format(count=len(notices))
    parameters = {"title": clean_parameter(count)}
    return Letter(claimed.id, to, language, NEWS, parameters, count, "\n\n".join(parts), key)


def write_notice(
    claimed: Claimed,
    notice: Notice,
    speaker: Speaker,
    to: str,
    whose: str | None,
    is_filed: Filed,
    key: str | None = None,
    language: str = LANGUAGE,
) -> Letter:
    """Write the letter of a notice, by the first of its texts that is filed. On a telephone of several people it names no item."""
    words, known = _words_of(notice, speaker, language)
    is_private = claimed.channel != SMS or whose == rules.OWN
    text = text_for(notice.kind, notice.side) if is_private else texts()[SHARED]
    chosen = text if is_filed(text.name) and _can_fill(text, known) else texts()[NEWS]
    return _letter(claimed, chosen, known, to, words, key, language)


def write_question(claimed: Claimed, notice: Notice, speaker: Speaker, contact: Contact, is_filed: Filed) -> tuple[Letter, Asking] | None:
    """Write the letter of a notice that asks for an answer by SMS, and its question; None when this telephone is asked nothing.

    Whoever speaks for a household hears of it too, and is not asked: the answer is the household's.
    """
    text = asking_text_for(notice.kind, notice.side)
    is_agent = bool(notice.facts.get("on_behalf"))
    if claimed.channel != SMS or text is None or is_agent or not is_filed(text.name) or contact.telephone is None:
        return None
    asked = cast("Asked", text.asks)
    words, known = _words_of(notice, speaker)
    if not rules.may_ask(asked, contact.whose) or not _can_fill(text, known):
        return None
    asking = Asking(
        notice_id=notice.id,
        message_id=claimed.id,
        recipient_id=cast("UUID", claimed.recipient_id),
        region=claimed.region,
        kind=notice.kind,
        asked=asked,
        about=notice.about,
        about_version=notice.about_version,
        phone=fingerprint(contact.telephone),
        telephone=contact.whose or rules.OWN,
        expires_at=rules.find_expiry(asked, notice.facts, now()),
    )
    return _letter(claimed, text, known, contact.telephone, words), asking


def write_follow_up(claimed: Claimed, question: Question, to: str) -> Letter:
    """Write the letter that follows the answer to a question; it leaves from the number that the question came from."""
    text = texts()[cast("str", claimed.text)]
    parameters = {"choices": rules.choices_of(cast("Asked", question.asked))} if "choices" in text.parameters else {}
    return Letter(claimed.id, to, LANGUAGE, text.name, parameters, "", text.render(parameters), extension=question.extension)


def write_push(claimed: Claimed, notice: Notice, browsers: Sequence[PushSubscription]) -> Letter:
    """Write the letter to the browsers of a recipient. It names the kind of the notice, and nothing of its facts."""
    language = browsers[-1].language
    zh, en = kinds().get(notice.kind, PUSH_TITLES)
    to = [{"id": one.id, "endpoint": one.endpoint, "p256dh": one.public_key, "auth": one.auth} for one in browsers]
    left = int((claimed.expires_at - now()).total_seconds())
    parameters = {
        "notice_id": str(notice.id),
        "kind": notice.kind,
        "about": str(notice.about),
        "urgency": "high" if claimed.priority == URGENT else "normal",
        "ttl": str(max(left, 0)),
    }
    title, body = (zh if language == "zh-CN" else en), PUSH_BODIES[language]
    return Letter(claimed.id, msgspec.json.encode(to).decode(), language, NEWS, parameters, title, body)


def write_wechat(claimed: Claimed, notice: Notice | None, link: WechatLink, language: str = LANGUAGE) -> Letter | None:
    """Write the letter to a WeChat user, or the one that links an account; None when there is nothing to send it to."""
    if notice is None:
        return Letter(claimed.id, link.code, LANGUAGE, LINK, {}, "", "") if link.code and link.message_id == claimed.id else None
    if link.openid is None:
        return None
    title = kinds().get(notice.kind, PUSH_TITLES)[language != LANGUAGE]
    at = f"{notice.created_at.astimezone(CHINA):%Y年%m月%d日 %H:%M}"
    return Letter(claimed.id, link.openid, language, NEWS, {"title": title, "at": at}, title, "")


def address_of(contact: Contact | None, channel: str) -> str | None:
    """Return the address of a recipient on a channel, or None without one."""
    if contact is None:
        return None
    return contact.email if channel == EMAIL else contact.telephone


def _words_of(notice: Notice, speaker: Speaker, language: str = LANGUAGE) -> tuple[dict[str, str], dict[str, Any]]:
    words = speaker.words_of(notice, language)
    return words, readable_facts(notice.kind, notice.side, notice.facts, language, speaker.item_of(notice)) | words


def _can_fill(text: ShortText, known: dict[str, Any]) -> bool:
    return all(known.get(name) for name in text.parameters)


def _letter(
    claimed: Claimed,
    text: ShortText,
    known: dict[str, Any],
    to: str,
    words: dict[str, str],
    key: str | None = None,
    language: str = LANGUAGE,
) -> Letter:
    parameters = {name: clean_parameter(str(known[name])) for name in text.parameters}
    return Letter(claimed.id, to, language, text.name, parameters, words["title"], words["text"], key)
