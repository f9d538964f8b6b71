"""The problem of a need beyond the quota of its household."""

from chassis.problems import problem

above_quota = problem(
    422,
    "above_quota",
    zh="本户 {size} 人，{days} 天内最多可申请{amount_zh}，已申请{used_zh}，还可申请{left_zh}",
    en="A household of {size} may ask for at most {amount_en} within {days} days; it has asked for {used_en}, {left_en} are left",
)
