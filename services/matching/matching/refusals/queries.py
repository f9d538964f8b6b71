"""Queries for refusal rules."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from matching.refusals.model import RefusalRule


def get_own_rule(session: Session, caller: Caller, rule_id: UUID) -> RefusalRule:
    """Get a rule about a pledge of the caller. Raises `not_found`."""
    rule = session.get(RefusalRule, rule_id)
    if rule is None or rule.pledger_id != caller.id:
        raise not_found()
    return rule


def list_own_rules(session: Session, caller: Caller, pledge_id: UUID | None = None, **paging: Any) -> dict[str, Any]:
    """List one page of the rules about the caller's pledges, or about one of them; withdrawn rules too."""
    query = select(RefusalRule).where(RefusalRule.pledger_id == caller.id)
    return page(session, query.where(RefusalRule.pledge_id == pledge_id) if pledge_id else query, RefusalRule.id, **paging)
