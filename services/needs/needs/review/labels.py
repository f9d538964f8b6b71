"""Labels of the steps, acts and reasons of a review, in Chinese and English."""

STEPS = {"village": ("村、乡镇审核", "village or township"), "county": ("县级复审", "county")}
ACTS = {"verify": ("通过", "verify"), "return": ("退回修改", "return"), "reject": ("不予通过", "reject")}
RETURNS = {
    "unclear": ("情况说明不清", "the reason is not clear"),
    "wrong_item": ("物品选错", "wrong item"),
    "branded": ("不能指定品牌", "asks for a brand"),
    "too_much": ("数量过多", "too much"),
    "wrong_household": ("户主信息不符", "wrong household"),
    "other": ("其他原因", "other reasons"),
}
REJECTIONS = {
    "absurd": ("不合常理", "absurd"),
    "branded": ("不能指定品牌", "asks for a brand"),
    "not_a_need": ("不属于生产生活必需", "not a necessity of life or work"),
    "duplicate": ("重复发布", "posted twice"),
    "wrong_household": ("户主信息不符", "wrong household"),
    "too_much": ("数量过多", "too much"),
}
