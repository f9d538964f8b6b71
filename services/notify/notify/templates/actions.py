"""Set the words of a region: a new version that holds from now on."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import LANGUAGES, not_found
from contracts.notices import NoticeTemplate
from notify.templates import queries
from notify.templates.model import WordSet
from notify.templates.problems import template_wrong
from notify.templates.sandbox import find_faults

LANGUAGE_FIELDS = dict(zip(("zh", "en"), LANGUAGES, strict=True))
"""The fields of a body, and the languages that they hold."""
Texts = Mapping[str, Mapping[str, str]]


def set_words(session: Session, caller: Caller, region: str, template: NoticeTemplate, words: Texts | None) -> None:
    """Add the next version of a region's words, or end them. Raises `not_found` for a region that the caller does not manage.

    Raises `stale`, or `template_wrong` with a pointer to each part that is wrong.
    """
    if not caller.manages(region):
        raise not_found()
    # An advisory lock per region: there may be no row yet to lock.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("notify.templates"), func.hashtext(region))))
    history = queries.list_history(session, caller, region, template.kind, template.side)
    latest = history[0].version if history else 0
    versions.check_if_match(session, WordSet(version=latest))
    if words is not None:
        check_words(template, words)
    stated: Any = words
    row = WordSet(
        region=region, kind=template.kind, side=template.side, version=latest + 1, words=stated, set_by=caller.id, set_at=now()
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit_log.record(session, caller, Entry(act="set_notice_template", subject="notice_template", region=region))


def check_words(template: NoticeTemplate, words: Texts) -> None:
    """Check words in both languages. Raises `template_wrong`."""
    faults = [
        {"pointer": f"#/words/{field}/{part}", "code": fault}
        for field, language in LANGUAGE_FIELDS.items()
        for part, fault in find_faults(template, language, words[field])
    ]
    if faults:
        raise template_wrong(errors=faults)
