"""The event of a need that opens again, made from its row."""

from typing import cast

from contracts.needs import NeedReopened, Reopening
from needs.events import fields_of_need, fields_of_publication, recorded
from needs.model import Need


def need_reopened(need: Need) -> NeedReopened:
    """Make the event of the last opening of a need after its end, with the version that it had then."""
    return NeedReopened(
        **fields_of_need(need) | {"version": need.reopened_version},
        **fields_of_publication(need),
        reason=cast("Reopening", need.reopened_because),
        expires_at=recorded(need.expires_at),
        reopened_by=need.reopened_by,
        reopened_at=recorded(need.reopened_at),
    )
