"""The words of warnings, in Chinese and English. Those of the catalogue state its figures instead."""

WARNINGS = {
    "far_above_typical": (
        "数量远高于常见数量，审核时可能要求说明",
        "The quantity is far above what others ask for; the reviewer may ask why",
    ),
    "above_usual": ("数量高于通常数量", "The quantity is above the usual one"),
    "size_unknown": (
        "家庭人口尚未登记，只按单项上限计算；请村里补充登记",
        "The size of the household is not registered, so only the cap of one need holds; the village can complete the register",
    ),
    "photo_advised": ("建议附上照片", "A photo is advised"),
    "same_item_open": (
        "该户已有同类需求尚未结束，请确认不是重复发布",
        "The household has an open need for the same item; make sure this is another",
    ),
    "many_open": ("该户未结束的需求已较多，建议先落实已有需求", "The household has many open needs; better see to those first"),
    "many_in_a_year": ("该户一年内发布的需求已较多", "The household has posted many needs within a year"),
    "nothing_offered": ("目前没有人提供这类帮助，可能需要等待较长时间", "Nobody offers this at present; it may take long"),
    "much_waits": (
        "本省等待这类帮助的需求较多，可能需要等待较长时间",
        "Far more of this is waited for in the province than offered; it may take long",
    ),
}
