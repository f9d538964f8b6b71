"""Events of institutions, made from their rows: when one is entered, changed or ended, and whenever it is published again."""

from contracts.users import InstitutionEnded, InstitutionRegistered
from users.institutions.model import Institution


def institution_registered(institution: Institution) -> InstitutionRegistered:
    """Make the event of an institution, with the version before its end if it ended."""
    return InstitutionRegistered(
        version=institution.version - (1 if institution.ended_at else 0),
        institution_id=institution.id,
        kind=institution.kind,
        region=institution.region,
        registered_by=institution.registered_by,
        registered_at=institution.registered_at,
    )


def institution_ended(institution: Institution) -> InstitutionEnded:
    """Make the event of an institution that left the register. Raises ValueError if it stands."""
    if institution.ended_by is None or institution.ended_at is None:
        raise ValueError("the institution stands")
    return InstitutionEnded(
        version=institution.version,
        institution_id=institution.id,
        region=institution.region,
        ended_by=institution.ended_by,
        ended_at=institution.ended_at,
    )
