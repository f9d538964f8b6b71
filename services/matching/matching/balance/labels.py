"""Labels of the balance, in Chinese and English."""

STANDINGS = {
    "wanting": ("供不应求", "more needed than offered"),
    "covered": ("供应充足", "enough is offered"),
    "quiet": ("暂无需求", "nothing needed at present"),
}
WHY = {"zh-CN": "{waiting_needs} 项需求待对接", "en": "needs waiting: {waiting_needs}"}
WHY_URGENT = {
    "zh-CN": "{waiting_needs} 项需求待对接，其中有紧急或特急需求",
    "en": "needs waiting: {waiting_needs}, among them urgent or critical ones",
}


def word_wanting(waiting_needs: int, weight: int, language: str) -> str:
    """Word why an item is short in `zh-CN` or `en`. A weight above the number of needs comes from urgent ones."""
    words = WHY_URGENT if weight > waiting_needs else WHY
    return words[language].format(waiting_needs=f"{waiting_needs:,}")
