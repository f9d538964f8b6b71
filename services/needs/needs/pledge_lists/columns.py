"""The columns of a list of pledges, with the headings by which they are known."""

from chassis.tables.columns import Column

COLUMNS = (
    Column(
        "item",
        ("物品名称", "物品", "物资名称", "物资", "品名", "名称", "捐赠物资", "捐赠物品", "商品名称", "货品", "项目", "item name"),
        "prose",
        required=True,
    ),
    Column("quantity", ("数量", "捐赠数量", "可提供数量", "可捐数量", "库存", "amount"), "code", required=True),
    Column("unit", ("单位", "计量单位", "数量单位"), "prose"),
    Column("region", ("区划代码", "受助地区代码", "捐赠地区代码", "region code"), "code"),
    Column("valid_until", ("有效期至", "截止日期", "意向截止", "valid until"), "date"),
    Column("best_before", ("保质期至", "到期日", "best before"), "date"),
    Column("limit_per_household", ("每户上限", "每户限额", "每户最多", "limit per household"), "code"),
    Column("note", ("备注", "说明", "remarks", "remark"), "prose"),
)
