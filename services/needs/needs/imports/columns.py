"""The columns of a list of needs, with the headings by which they are known."""

from chassis.tables.columns import Column
from needs.imports.labels import URGENCY

COLUMNS = (
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
