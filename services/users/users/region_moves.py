"""Rows of users that follow a region to its successor."""

from chassis.data.region_moves import move_column
from users.accounts.model import Account
from users.appointments.model import Appointment
from users.erasure.model import Erasure
from users.handovers.model import Handover
from users.helpers.model import Assignment
from users.households.model import Household, Transfer
from users.imports.model import Import, ImportMapping
from users.institutions.model import Institution
from users.organisations.model import Organisation
from users.places.model import Place
from users.self_reports.model import SelfReport
from users.visits.model import Visit

# Who holds an office, or helps, in the successor too keeps both rows: the earlier one stays with the ended code.
_APPOINTED_THERE = """
    held.dismissed_at IS NULL AND EXISTS (
        SELECT FROM appointment_records AS there WHERE there.account_id = held.account_id AND there.role = held.role
            AND there.region = change.after AND there.dismissed_at IS NULL
    )
"""
_HELPS_THERE = """
    held.released_at IS NULL AND EXISTS (
        SELECT FROM helper_assignments AS there WHERE there.account_id = held.account_id AND there.role = held.role
            AND there.household_id IS NOT DISTINCT FROM held.household_id AND there.region = change.after AND there.released_at IS NULL
    )
"""

# A number that stands in both villages stays in the ended one, whose administrators above settle the double entry.
_STANDS_THERE = """
    held.ended_at IS NULL AND EXISTS (
        SELECT FROM households AS there WHERE there.national_id_fingerprint = held.national_id_fingerprint
            AND there.region = change.after AND there.ended_at IS NULL
    )
"""

_IS_NAMED_THERE = """
    EXISTS (
        SELECT FROM import_mappings AS there
        WHERE there.kind = held.kind AND there.name = held.name AND there.region = change.after
    )
"""

MOVES = (
    move_column(Account.region),
    move_column(Appointment.region, unless=_APPOINTED_THERE),
    move_column(Household.region, unless=_STANDS_THERE),
    move_column(Transfer.region),
    move_column(Visit.region),
    move_column(Institution.region),
    move_column(SelfReport.region),
    move_column(Erasure.region),
    move_column(Assignment.region, unless=_HELPS_THERE),
    move_column(Organisation.region),
    move_column(Import.region),
    move_column(ImportMapping.region, unless=_IS_NAMED_THERE),
    move_column(Handover.region),
    move_column(Place.region),
)
