"""Problems with a pledge's choice, its best-before date, and what came back."""

from chassis.problems import problem

choose_until_wrong = problem(
    422, "choose_until_wrong", zh="自己挑选需求的时间须在今后 72 小时之内", en="The time to choose must end within the next 72 hours."
)
best_before_too_near = problem(
    422,
    "best_before_too_near",
    zh="保质期已过或太近：从对接到送达至少需要 {days} 天，请换一批",
    en="The best-before date is over or too near: sending and handing over take at least {days} days. Offer goods that keep longer.",
)
best_before_needed = problem(
    422,
    "best_before_needed",
    zh="“{zh}”有保质期，请填写最早到期的日期",
    en="“{en}” keeps for a limited time. State the earliest best-before date.",
)
unknown_need = problem(
    422, "unknown_need", zh="没有这项需求或已结束，请另选一项", en="This need does not exist or has ended. Choose another one."
)
does_not_fit = problem(
    422,
    "does_not_fit",
    zh="您的爱心意向与这项需求不相符，请另选一项需求或修改意向",
    en="Your pledge does not fit this need. Choose another need or change the pledge.",
)
nothing_came_back = problem(
    409,
    "nothing_came_back",
    zh="这次帮助没有退回的物品，请另行登记爱心意向",
    en="Nothing came back from this match. Make a new pledge instead.",
)
