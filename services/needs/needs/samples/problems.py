"""Problems of samples."""

from chassis.problems import problem

own_verification = problem(
    403,
    "own_verification",
    zh="您参与过这项需求的发布或审核，须由他人抽查",
    en="You posted or verified this need. Somebody else must check it.",
)
