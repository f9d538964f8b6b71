"""Rules of consents: who records and withdraws them. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.consents.model import Consent
from users.households.model import Household
from users.problems import outside_region

SIGNED_IN = "signed_in"
"""The way of a household that consents in its own account."""
WAYS = {
    "sms": ("短信回复", "an answered SMS"),
    "slip": ("签字单照片", "the photo of a signed slip"),
    "signature": ("当面签字", "a signature on paper"),
    SIGNED_IN: ("本人在平台确认", "the household's own account"),
}
PURPOSES = {"contact": ("向帮扶方提供联系方式", "show name and telephone to the giver")}


def find_recording_problem(caller: Caller, household: Household, way: str) -> Problem | None:
    """Return the problem with recording a consent, or None. Only the household itself consents in its own account, and only there."""
    if caller.id == household.account_id:
        return None if way == SIGNED_IN else not_allowed()
    if not caller.manages(household.region):
        return outside_region()
    return not_allowed() if way == SIGNED_IN else None


def find_withdrawal_problem(caller: Caller, consent: Consent) -> Problem | None:
    """Return the problem with withdrawing a consent, or None."""
    household = consent.household
    if caller.id != household.account_id and not caller.manages(household.region):
        return not_allowed()
    return state_conflict(state="withdrawn") if consent.withdrawn_at else None


def acts_on_consent(caller: Caller, consent: Consent) -> list[str]:
    """List the operations that the caller may carry out on the consent now."""
    return ["withdraw_consent"] if find_withdrawal_problem(caller, consent) is None else []
