"""The problem of a need beyond the quota of its household."""

from chassis.problems import problem

above_quota = problem(
    422,
    "above_quota",
    zh="本户 {size} 人，{days} 天内最多可申请：{amount_zh}（已申请：{used_zh}；还可申请：{left_zh}），请减少数量",
    en="A household of {size} can ask for at most {amount_en} in {days} days (asked for: {used_en}; left: {left_en}). Enter less.",
)
