"""Fairness: of every village and household is kept what a recount of its needs finds."""

from matching.checks.check import Check
from matching.fairness.recount import DIFFERING, MISCOUNTED

CHECKS = (
    Check("need_miscounted", "every need is counted, as helped if it is", MISCOUNTED),
    Check("fared_differs", "how a village fared is the sum of what was counted", DIFFERING),
)
