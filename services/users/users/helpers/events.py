"""Events of assignments, made from their rows: when an act is done, and whenever it is published again."""

from contracts.users import HelperAssigned, HelperReleased
from users.helpers.model import Assignment


def helper_assigned(assignment: Assignment) -> HelperAssigned:
    """Make the event of an assignment, with its first version even if it was released since."""
    return HelperAssigned(
        version=1,
        assignment_id=assignment.id,
        user_id=assignment.account_id,
        role=assignment.role,
        region=assignment.region,
        household_id=assignment.household_id,
        assigned_by=assignment.assigned_by,
        assigned_at=assignment.assigned_at,
    )


def helper_released(assignment: Assignment) -> HelperReleased:
    """Make the event of an assignment that was released. Raises ValueError if it stands."""
    if assignment.released_by is None or assignment.released_at is None:
        raise ValueError("the assignment stands")
    return HelperReleased(
        version=assignment.version,
        assignment_id=assignment.id,
        user_id=assignment.account_id,
        region=assignment.region,
        household_id=assignment.household_id,
        successor_id=assignment.successor_id,
        released_by=assignment.released_by,
        released_at=assignment.released_at,
    )
