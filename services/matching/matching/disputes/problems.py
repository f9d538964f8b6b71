"""Problems with disputes."""

from chassis.problems import problem

already_disputed = problem(
    409,
    "already_disputed",
    zh="这次对接已经提出过异议，请等候或查看处理结果",
    en="A dispute was already raised about this match. See its outcome.",
)
own_dispute = problem(
    403,
    "own_dispute",
    zh="您参与过这次对接，请由另一位管理员处理异议",
    en="You took part in this match. Another administrator must handle the dispute.",
)
finding_wrong = problem(
    422,
    "finding_wrong",
    zh="请仅在需求方的异议成立或部分成立时填写实际收到的数量，且须少于已确认的数量",
    en="State what arrived only when you uphold a dispute of the household's side. It must be less than was confirmed.",
)
