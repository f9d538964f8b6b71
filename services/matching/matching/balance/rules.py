"""Rules for the balance."""


def classify_supply(waiting: int, reaching: int) -> str:
    """Classify a unit's supply: `wanting` when more waits than reaches the region, else `covered`, or `quiet` when nothing waits."""
    if waiting > reaching:
        return "wanting"
    return "covered" if waiting else "quiet"
