"""Problems with appeals."""

from chassis.problems import problem

own_appeal = problem(
    403, "own_appeal", zh="您参与过这次对接，请由另一位管理员裁定", en="You took part in this match. Another administrator must decide."
)
nothing_to_appeal = problem(
    409,
    "nothing_to_appeal",
    zh="这条记录不能申诉，如有疑问请联系当地管理员",
    en="This record cannot be appealed. Ask the local administrator if you have questions.",
)
