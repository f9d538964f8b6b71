"""Labels of disputes, in Chinese and English."""

CAUSES = {
    "not_arrived": ("没有收到", "it did not arrive"),
    "less_than_said": ("数量不符", "less than the other side says"),
    "damaged": ("有损坏", "it was damaged"),
    "other": ("其他原因", "other reasons"),
}
DISPUTES = {
    "open": ("待当地答复", "waiting for the local answer"),
    "answered": ("当地已答复", "answered locally"),
    "raised": ("待县里处理", "waiting for the county"),
    "settled": ("已处理", "settled"),
}
OUTCOMES = {
    "upheld": ("异议成立", "upheld"),
    "partly_upheld": ("部分成立", "upheld in part"),
    "dismissed": ("异议不成立", "dismissed"),
    "agreed": ("双方已协商解决", "both sides agreed"),
}
SIDES = {"giver": ("帮扶方", "the giver"), "household": ("需求方", "the household's side")}
