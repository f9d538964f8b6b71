"""The words of notices that somebody is about to read: those of their regions, or else the shipped ones."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import Counter
from sqlalchemy.orm import Session

from chassis.data.items import find_words
from chassis.data.regions import resolve_regions
from chassis.wording import ItemWords, unknown_item
from notify.templates.actions import LANGUAGE_FIELDS
from notify.templates.fields import template_of
from notify.templates.queries import Wordings, load_wordings
from notify.templates.sandbox import WordingError, render
from notify.words import words_for

log = logging.getLogger("notify.templates")
COUNTY = 6
_FIELDS = {language: field for field, language in LANGUAGE_FIELDS.items()}
_FAILURES = Counter(
    "duijie_template_failures_total", "Notices that got the shipped words because those of their region could not be rendered", ["service"]
)
_FAILURES.labels("notify")


class Spoken(Protocol):
    """A notice, or what an endpoint is told of one."""

    @property
    def kind(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Speaker:
    """The words for some notices: of the items that they are about, of regions, and the present codes of their counties."""

    items: Mapping[str, ItemWords]
    wordings: Wordings = field(default_factory=lambda: Wordings({}))
    counties: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, notices: Collection[Spoken]) -> "Speaker":
        """Read all that these notices need; afterwards they are rendered without the session."""
        if not notices:
            return cls({})
        counties = {_county(one) for one in notices}
        present = resolve_regions(session, counties - {""})
        codes = {county: present[county].code or county if county else "" for county in counties}
        wordings = load_wordings(session, codes.values(), {one.kind for one in notices})
        return cls(find_words(session, {_category(one) for one in notices}), wordings, codes)

    def item_of(self, notice: Spoken) -> ItemWords:
        """Return the words of the item that a notice is about."""
        return self.items.get(_category(notice)) or unknown_item(_category(notice))

    def words_of(self, notice: Spoken, language: str) -> dict[str, str]:
        """Render title and text. Words of a region that fail are counted, and give way to the shipped ones."""
        item = self.item_of(notice)
        own = self.wordings.find(self.counties.get(_county(notice), ""), notice.kind, notice.side)
        template = template_of(notice.kind, notice.side)
        if own is not None and own.words is not None and template is not None:
            try:
                return render(template, language, own.words[_FIELDS[language]], notice.facts, item)
            except (WordingError, KeyError) as error:
                _FAILURES.labels("notify").inc()
                said = str(error)[:100]
                log.warning("words of a region could not be rendered", extra={"kind": notice.kind, "side": notice.side, "error": said})
        return words_for(notice.kind, notice.side, notice.facts, language, item)


def _category(notice: Spoken) -> str:
    return str(notice.facts.get("category", ""))


def _county(notice: Spoken) -> str:
    return str(notice.facts.get("region") or "")[:COUNTY]
