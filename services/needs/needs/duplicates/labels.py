"""Labels of the ways in which needs look alike, in Chinese and English."""

LIKENESS = {
    "same_item": ("同一户 90 天内申请过同一种物品", "the household asked for the same item within 90 days"),
    "same_text": ("申请理由几乎相同", "almost the same reason"),
    "same_photo": ("照片相同", "the same photo"),
    "same_line": ("同一批清单中另有机构申请同样数量", "another institution asks for the same quantity in the same list"),
}
