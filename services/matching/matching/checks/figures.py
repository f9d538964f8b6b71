"""Figures: the balance that is kept is the book's."""

from matching.balance.recount import DIFFERING
from matching.checks.check import Check

CHECKS = (Check("balance_differs", "the balance is that of a recount", DIFFERING),)
