"""The words of warnings, in Chinese and English. Those of the catalogue state its figures instead."""

WARNINGS = {
    "far_above_typical": (
        "数量远高于常见数量，请在理由中写明原因",
        "This is far more than others ask for. Say in the reason why you need it.",
    ),
    "above_usual": ("数量高于通常数量，请核对", "This is more than usual. Check the quantity."),
    "size_unknown": (
        "家庭人口尚未登记，只按单项上限计算，请联系村里补充登记",
        "The size of the household is not registered, so only the cap of one need holds. Ask the village to register it.",
    ),
    "photo_advised": ("附上照片更容易得到帮助", "A photo makes help more likely."),
    "same_item_open": (
        "该户已有同类需求尚未结束，请确认不是重复发布",
        "The household already has an open need for this item. Make sure that this is not the same one.",
    ),
    "many_open": ("该户未结束的需求已较多，建议先落实已有需求", "The household already has many open needs. See to those first."),
    "many_in_a_year": (
        "该户一年内发布的需求已较多，请优先发布最急需的",
        "The household has posted many needs within a year. Post the most urgent ones first.",
    ),
    "nothing_offered": ("目前没有人提供这类帮助，可能需要等待较长时间", "Nobody offers this at present. It may take a long time."),
    "much_waits": (
        "本省等待这类帮助的需求较多，可能需要等待较长时间",
        "Far more of this is needed in the province than offered. It may take a long time.",
    ),
}
