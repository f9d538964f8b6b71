"""What needs tells of its needs and pledges, from their rows: at the moment of the act, and whenever it is told again."""

from typing import Any

from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from needs.model import Need, Pledge


def published(need: Need) -> NeedPublished:
    """What was told of a need when it was published, even if it has ended since."""
    stated = _concerned(need) | ({"version": need.version - 1} if need.ended_at else {})
    return NeedPublished(**stated, urgency=need.urgency, posted_at=need.posted_at, published_at=need.published_at)


def rejected(need: Need) -> NeedRejected:
    return NeedRejected(**_concerned(need), reason=need.ended_because, rejected_at=need.ended_at)


def withdrawn(need: Need) -> NeedWithdrawn:
    return NeedWithdrawn(**_concerned(need), withdrawn_by=need.withdrawn_by or need.poster_id, withdrawn_at=need.ended_at)


def closed(need: Need) -> NeedClosed:
    return NeedClosed(**_concerned(need), reason=need.ended_because, closed_at=need.ended_at)


def offered(pledge: Pledge) -> PledgeOffered:
    """What is told first of a pledge; later on with the figures it has then."""
    return PledgeOffered(**_offer(pledge) | {"version": 1})


def changed(pledge: Pledge) -> PledgeChanged:
    return PledgeChanged(**_offer(pledge), changed_at=pledge.changed_at or pledge.offered_at)


def taken_back(pledge: Pledge) -> PledgeWithdrawn:
    return PledgeWithdrawn(**_offer(pledge), withdrawn_at=pledge.changed_at or pledge.offered_at)


def _concerned(need: Need) -> dict[str, Any]:
    return {
        "version": need.version,
        "need_id": need.id,
        "household_id": need.household_id,
        "account_id": need.account_id,
        "poster_id": need.poster_id,
        "region": need.region,
        "category": need.category,
        "unit": need.unit,
        "quantity": need.quantity,
    }


def _offer(pledge: Pledge) -> dict[str, Any]:
    return {
        "version": pledge.version,
        "pledge_id": pledge.id,
        "pledger_id": pledge.pledger_id,
        "kind": pledge.kind,
        "category": pledge.category,
        "unit": pledge.unit,
        "quantity": pledge.quantity,
        "region": pledge.region,
        "valid_until": pledge.valid_until,
        "offered_at": pledge.offered_at,
    }
