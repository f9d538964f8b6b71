"""The columns of a list of needs, with the headings by which they are known."""

from dataclasses import replace

from chassis.tables.columns import Column
from needs.catalogue.labels import SPECIFICATION
from needs.imports.labels import CONSENT, URGENCY

COLUMNS: tuple[Column, ...] = (
    Column(
        "item",
        (
            "物品名称",
            "物品",
            "物资名称",
            "物资",
            "品名",
            "名称",
            "需求物资",
            "需求物品",
            "所需物品",
            "需求名称",
            "需求",
            "项目",
            "item name",
        ),
        "prose",
        required=True,
    ),
    Column(
        "quantity",
        ("数量", "需求数量", "需求量", "所需数量", "申请数量", "需要数量", "缺口", "amount"),
        "code",
        required=True,
    ),
    Column("unit", ("单位", "计量单位", "数量单位"), "prose"),
    Column("specification", ("规格", "规格型号", "标准", "规格要求", "规格及要求"), "prose"),
    Column("model", ("型号",), "prose"),
    Column("urgency", ("紧急程度", "紧急", "缓急"), "choice", choices=URGENCY),
    Column("reason", ("理由", "原因", "用途", "需求理由", "说明"), "prose"),
    Column("remark", ("备注", "remarks"), "prose"),
)

_OF_LISTS = {column.field: column for column in COLUMNS}
_ALIKE = {"size": ("尺码", "尺寸", "鞋码"), "model": ("型号",), "standard": ("规格", "标准", "规格要求"), "age": ("年龄",)}
TABLE_COLUMNS = (
    Column("household_id", ("户编号", "家庭编号", "户标识", "机构编号", "家庭或机构编号", "household id"), "code", required=True),
    _OF_LISTS["item"],
    _OF_LISTS["quantity"],
    _OF_LISTS["unit"],
    replace(_OF_LISTS["reason"], required=True),
    _OF_LISTS["urgency"],
    Column("consent", ("同意方式", "征得同意的方式", "本人同意"), "choice", choices=CONSENT),
    *(Column(name, (*_ALIKE.get(name, ()), *labels), "prose") for name, labels in SPECIFICATION.items()),
)
"""The columns of a table with needs of many households and institutions."""
