"""Problems with lists of pledges."""

from chassis.problems import problem

offered_before = problem(
    422,
    "offered_before",
    zh="您已在清单中发布过相同的爱心意向，且仍然有效；如确需再发布一份，请注明（again）",
    en="You have offered the same in a list, and it is valid still; state `again` to offer it once more",
)
