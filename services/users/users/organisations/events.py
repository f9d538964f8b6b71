"""Events of organisations, made from their rows: when an act is done, and whenever it is published again."""

from contracts.users import OrganisationVerificationEnded, OrganisationVerified
from users.organisations.model import Organisation


def organisation_verified(organisation: Organisation) -> OrganisationVerified:
    """Make the event of the last confirmation, as it was published. Raises ValueError without one."""
    if organisation.verified_by is None or organisation.verified_at is None or organisation.verified_version is None:
        raise ValueError("the organisation was not verified")
    return OrganisationVerified(
        version=organisation.verified_version,
        user_id=organisation.id,
        region=organisation.region,
        verified_by=organisation.verified_by,
        verified_at=organisation.verified_at,
    )


def organisation_verification_ended(organisation: Organisation) -> OrganisationVerificationEnded:
    """Make the event of the end of the last confirmation. Raises ValueError if it stands."""
    if organisation.ended_by is None or organisation.ended_at is None:
        raise ValueError("the confirmation stands")
    return OrganisationVerificationEnded(
        version=organisation.version,
        user_id=organisation.id,
        region=organisation.region,
        ended_by=organisation.ended_by,
        ended_at=organisation.ended_at,
    )
