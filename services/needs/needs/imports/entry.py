"""Posting many needs at once: rows, events and links of all of them by a few statements."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.data.new_rows import insert_rows, new_row
from chassis.http.auth import Caller
from chassis.messaging import outbox
from needs.actions import describe_need
from needs.catalogue.rules import Terms
from needs.duplicates.many import link_needs
from needs.events import need_posted
from needs.model import Household, Need
from needs.review.rules import find_due


def enter_needs(session: Session, caller: Caller, stated: Sequence[tuple[Household, Mapping[str, Any], Terms]]) -> list[Any]:
    """Store needs of one poster that may be posted under these terms; return their rows. Each waits to be verified, as by `enter_need`."""
    at = now()
    waiting = {"version": 1, "stage_version": 1, "state": "posted", "posted_at": at, "due_at": find_due("posted", at)}
    needs = [
        new_row(Need, id=new_id(), words=[], **waiting, **describe_need(caller, household, wanted, terms))
        for household, wanted, terms in stated
    ]
    link_needs(session, needs)
    insert_rows(session, Need, needs)
    outbox.add(session, *(need_posted(need) for need in needs))
    return needs
