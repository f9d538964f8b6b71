"""Labels of the balance, in Chinese and English."""

STANDINGS = {
    "wanting": ("供不应求", "more is asked for than is offered"),
    "covered": ("供应充足", "as much is offered as is asked for"),
    "quiet": ("暂无需求", "nothing is asked for"),
}
WHY = {
    "zh-CN": "{waiting_needs} 项需求尚待对接；按紧急程度计 {weight} 分（一般 1、紧急 2、特急 4）",
    "en": "{waiting_needs} needs wait; by urgency they weigh {weight} (normal 1, urgent 2, critical 4)",
}
