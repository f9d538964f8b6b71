"""Problems with lists of pledges."""

from chassis.problems import problem

offered_before = problem(
    422,
    "offered_before",
    zh="您已在清单中登记过相同的爱心意向，且仍然有效。如确需再登记一份，请注明“再次登记”",
    en="You have already offered the same in a list, and it is still valid. Confirm that you want to offer it again.",
)
