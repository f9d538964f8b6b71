"""A plan of faults, drawn from a seed: the same seed gives the same faults in the same order."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

RELAY = ("claimed", "sent", "confirmed", "kept")
WORKER = ("heard", "acted", "committed", "acknowledged")
CLEAR = ("booked", "cleared")
MOMENTS = {"relay": RELAY, "worker": WORKER, "clear": CLEAR}
WORST = (
    *[("dies", f"{who}-relay", moment) for moment in RELAY for who in ("needs", "matching")],
    *[("dies", f"{who}-worker", moment) for moment in WORKER for who in ("witness", "matching", "notify")],
    *[("dies", "matching-clear", moment) for moment in CLEAR],
    ("broker dies", "needs-relay", "sent"), ("broker dies", "matching-relay", "confirmed"), ("broker dies", "witness-worker", "committed"),
    ("database dies", "needs-relay", "confirmed"), ("database dies", "matching-worker", "acted"),
    ("database dies", "matching-clear", "cleared"),
    ("broker wire cut", "needs-relay", "sent"), ("broker wire cut", "notify-worker", "committed"),
    ("database wire cut", "needs-relay", "kept"), ("database wire cut", "notify-worker", "acted"),
    ("topology dies", "", ""),
)  # fmt: skip
"""What, to whom or while who waits, at which moment."""
ANYTIME = ("killed", "told to stop", "frozen")
SERVERS = {
    "broker wire cut": 4, "broker wire dead": 4, "broker wire held": 2, "broker frozen": 2, "broker dies": 1, "broker restarts": 1,
    "database wire cut": 3, "database wire held": 2, "database frozen": 2, "database dies": 2, "backends end": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One fault: `what` strikes `role` or a server, at `moment` if any, `pause_seconds` after the last one; some last `seconds`."""

    what: str
    role: str
    moment: str
    pause_seconds: float
    seconds: float

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.role, f"at {self.moment}" if self.moment else "") if part)


def draw(seed: int, count: int, roles: Sequence[str]) -> list[Fault]:
    """Draw `count` faults: all worst moments first, the rest at random, then shuffled."""
    chance = random.Random(seed)
    worst = chance.sample(WORST, min(len(WORST), (count * 2 + 2) // 3))
    drawn = [*worst, *(_anytime(chance, roles) for _ in range(count - len(worst)))]
    chance.shuffle(drawn)
    return [Fault(what, role, moment, chance.uniform(0, 2.5), chance.uniform(1, 5)) for what, role, moment in drawn]


def _anytime(chance: random.Random, roles: Sequence[str]) -> tuple[str, str, str]:
    if chance.random() < 0.55:
        return chance.choice(ANYTIME), chance.choice(roles), ""
    return chance.choices(list(SERVERS), list(SERVERS.values()))[0], "", ""
