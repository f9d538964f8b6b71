"""Rules of erasures: who may have whose data erased, and what stands against it. No rule needs a database."""

from datetime import datetime, timedelta

from chassis.problems import Problem
from users.problems import fresh_sign_in_needed, in_office, matches_under_way
from users.sessions.tokens import LIFETIME

FRESH = timedelta(minutes=10)
"""The age of a sign-in that still proves who asks."""
DONE_AFTER = LIFETIME + timedelta(minutes=1)
"""When no access token of the person counts any more, so that nothing new is written about them."""
PURPOSES = {
    "no_longer_needed": ("处理目的已实现或不再需要", "the purpose is reached, or the data are no longer needed"),
    "consent_withdrawn": ("本人撤回同意", "the person withdrew their consent"),
    "unlawful": ("处理违反法律或约定", "the data were processed unlawfully"),
    "retention_over": ("保存期限已满", "the time for keeping the data is over"),
}
REASONS = {
    "asked_in_person": ("本人当面提出", "asked for in person"),
    "asked_in_writing": ("本人书面或电话提出", "asked for in writing or by telephone"),
    "asked_by_guardian": ("监护人提出", "asked for by a guardian"),
    "asked_by_relatives": ("本人已去世，近亲属提出", "the person died, and close relatives asked"),
    "asked_online": ("本人在平台提出", "asked for online"),
    "by_rule": ("按保存期限自动处理", "by the rule for keeping data"),
}


def find_erasure_problem(*, in_offices: bool, under_way: bool) -> Problem | None:
    """Return what stands against an erasure, or None. Others must first be able to do without the person."""
    if in_offices:
        return in_office()
    return matches_under_way() if under_way else None


def find_proof_problem(signed_in_at: datetime | None, at: datetime) -> Problem | None:
    """Return the problem of a sign-in that is too old to prove who asks, or None."""
    return None if signed_in_at and at - signed_in_at <= FRESH else fresh_sign_in_needed()
