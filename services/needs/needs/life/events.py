"""Events of a need's life and of silent villages, made from their rows."""

from contracts.needs import NeedExpired, NeedExpiring, NeedMet, NeedRenewed, VillageFellSilent
from needs.events import fields_of_need, recorded
from needs.life.model import Village
from needs.model import Need


def need_expiring(need: Need) -> NeedExpiring:
    """Make the event of the last reminder, with the version that the need had then."""
    fields = fields_of_need(need) | {"version": need.expiring_version}
    return NeedExpiring(**fields, expires_at=recorded(need.expires_at), reminded_at=recorded(need.expiring_at))


def need_renewed(need: Need) -> NeedRenewed:
    """Make the event of the last renewal, with the version that the need had then."""
    fields = fields_of_need(need) | {"version": need.renewed_version}
    renewed_by = need.renewed_by or need.poster_id
    return NeedRenewed(**fields, expires_at=recorded(need.expires_at), renewed_by=renewed_by, renewed_at=recorded(need.renewed_at))


def need_expired(need: Need) -> NeedExpired:
    """Make the event of a need whose time was over."""
    return NeedExpired(**fields_of_need(need), expired_at=recorded(need.ended_at))


def need_met(need: Need) -> NeedMet:
    """Make the event of a need of which everything was received."""
    return NeedMet(**fields_of_need(need), met_at=recorded(need.ended_at))


def village_fell_silent(village: Village) -> VillageFellSilent:
    """Make the event of a village's silence, for the administrators of its township."""
    return VillageFellSilent(
        version=village.version,
        village_id=village.id,
        village=village.region,
        region=village.region[:9],
        silent_since=recorded(village.silent_since),
        noticed_at=recorded(village.told_at),
    )
