"""Labels and words of lists of needs, in both languages."""

from collections.abc import Mapping

from chassis import problems as chassis_problems
from chassis.imports import problems as import_problems
from chassis.problems import Problem
from chassis.tables import faults as tables
from needs.catalogue.problems import forbidden_item, item_not_offered, too_many
from needs.limits.problems import too_many_needs
from needs.problems import consent_needed, unknown_household
from needs.quotas.problems import above_quota

URGENCY = {"normal": ("一般", "normal"), "urgent": ("紧急", "urgent"), "critical": ("特急", "critical")}
CONSENT = {"sms": ("短信同意", "by SMS"), "slip": ("书面同意", "on a slip")}
OUTCOMES = {
    "ready": ("可以发布", "ready to be posted"),
    "held": ("待人工确认", "waiting for a person to check it"),
    "refused": ("无法读取", "cannot be read"),
}
WORDS: Mapping[str, Mapping[str, str]] = {
    **{problem.code: problem.words for problem in (above_quota, forbidden_item, too_many)},
    "item_unknown": {"zh-CN": "目录中没有这种物品，请选择相近的一项", "en": "the catalogue has no such item; choose the nearest one"},
    "quantity_unknown": {"zh-CN": "没有写明数量，请填写", "en": "the quantity is not stated; enter it"},
    "quantity_range": {"zh-CN": "写的是一个范围，请填写确定的数量", "en": "this is a range; enter one number"},
    "quantity_package": {
        "zh-CN": "写的是箱或罐，请换算成目录中的单位",
        "en": "this counts packages; enter the number in the catalogue's unit",
    },
    "quantity_unit": {"zh-CN": "单位与目录不同，请换算后填写", "en": "the unit differs from the catalogue's; convert the quantity"},
    "quantity_fraction": {"zh-CN": "换算后不是整数，请填写整数", "en": "this is not a whole number of units; enter a whole number"},
    "quantity_money": {"zh-CN": "请写明金额单位（元）", "en": "state whether the amount is in yuan"},
    "quantity_size": {"zh-CN": "数量须在 1 至 10 亿之间", "en": "the quantity must be between 1 and 1,000,000,000"},
    "quantity_form": {"zh-CN": "看不出数量，请填写", "en": "the quantity cannot be read; enter it"},
    "specification_needed": {"zh-CN": "请填写{zh}", "en": "enter: {en}"},
    "about": {"zh-CN": "写的是约数，请核对", "en": "this is an approximate number; check it"},
    "at_least": {"zh-CN": "写的是最低数量，请核对", "en": "this is a minimum; check it"},
    "every_quantity_is_1": {
        "zh-CN": "整张表的数量都是 1，可能没有填写，请核对",
        "en": "every quantity is 1, as if none had been entered; check them",
    },
    "item_series": {
        "zh-CN": "名称末尾的数字逐行加一（从第 {row} 行起），可能是电子表格自动填充的，请核对",
        "en": "the number at the end rises row by row from row {row}, as if a spreadsheet had filled it in; check it",
    },
    "quantity_series": {
        "zh-CN": "数量逐行加一（从第 {row} 行起），可能是电子表格自动填充的，请核对",
        "en": "the quantity rises by 1 in each row from row {row}, as if a spreadsheet had filled it in; check it",
    },
    "item_twice": {"zh-CN": "与第 {row} 行是同一种物品，请核对", "en": "row {row} asks for the same item; check it"},
    "need_open": {
        "zh-CN": "已有 {count} 项同类需求尚未结束，请核对",
        "en": "open needs for the same item: {count}; check that this is not one of them",
    },
}
"""Words about lines, by code and language."""

TABLE_WORDS: Mapping[str, Mapping[str, str]] = {
    **{
        problem.code: problem.words
        for module in (tables, chassis_problems, import_problems)
        for problem in vars(module).values()
        if isinstance(problem, type) and issubclass(problem, Problem) and problem is not Problem
    },
    **WORDS,
    **{problem.code: problem.words for problem in (consent_needed, item_not_offered, too_many_needs, unknown_household)},
    "item_twice_rows": {"zh-CN": "同一户在别的行里也有这种物品", "en": "another row asks for the same item for the same household"},
    "need_open_rows": {"zh-CN": "该户已有同样的需求尚未结束", "en": "the household has an open need for the same item"},
    **{
        f"{name}_series_rows": {
            "zh-CN": "逐行加一，可能是电子表格自动填充的，请核对",
            "en": "rises by one row by row, as a spreadsheet fills it in",
        }
        for name in ("item", "quantity")
    },
    "row_repeated": {"zh-CN": "与第 {row} 行重复", "en": "repeats row {row}"},
}
"""Words about tables with needs of many households, and about their lines."""
