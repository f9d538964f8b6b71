"""When Python looks for cycles: seldom, in a process that makes thousands of rows and events at once, none of which are cycles."""

import gc

AFTER = 100_000
"""So many more objects than were given back; what a batch of 500 makes is fewer."""


def seldom() -> None:
    """What a process has loaded by now is never looked through again, and the rest a hundredth as often as by default."""
    gc.freeze()
    gc.set_threshold(AFTER, 20, 100)
