"""The lock of a need before an act on it."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import not_found
from needs import queries, rules
from needs.model import Need


def lock_need(act: str, session: Session, caller: Caller, need_id: UUID) -> Need:
    """Lock the need. Raises the problem that keeps the caller from this act on it."""
    need = session.get(Need, need_id, with_for_update={"of": Need})
    if need is None or rules.view_of(caller, need) == "public":
        raise not_found()
    versions.check_if_match(session, need)
    if problem := rules.find_need_problem(act, caller, need, queries.find_township_managers(session, caller, [need])):
        raise problem
    return need
