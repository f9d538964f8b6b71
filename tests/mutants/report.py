"""The table of a campaign: outcomes by module, the share of killed mutants with its interval, and each survivor."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.mutants.outcomes import KILLED, SURVIVED, UNCLEAR, Module, load_equivalents

COLUMNS = ("mutants", "tried", KILLED, "equal", SURVIVED, UNCLEAR, "untried")
Z = 1.96
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True)
class Share:
    """A share that a sample shows, the mutants for which it stands, and the size of a simple random sample that is as exact."""

    share: float
    mutants: float
    size: float

    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval."""
        width = Z * (self.share * (1 - self.share) / self.size + (Z / (2 * self.size)) ** 2) ** 0.5
        middle, scale = self.share + Z * Z / (2 * self.size), 1 + Z * Z / self.size
        return (middle - width) / scale, (middle + width) / scale

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.share:7.1%}" + (f"  {low:.0%}–{high:.0%}" if high - low > 0.001 else "")


def share_of(found: Counter[str]) -> Share | None:
    """Return the share of a module's mutants that are killed, equivalents left out; None when none was tried."""
    judged = found["tried"] - found["equal"]
    if not judged:
        return None
    # Nothing is left to chance once every mutant was tried.
    rest = found["mutants"] - found["tried"]
    return Share(
        found[KILLED] / judged, found["mutants"] * judged / found["tried"], judged * (found["mutants"] - 1) / rest if rest else 1e9
    )


def whole_share(shares: Iterable[Share]) -> Share | None:
    """Weigh the shares of modules by their numbers of mutants."""
    known = list(shares)
    mutants = sum(one.mutants for one in known)
    if not mutants:
        return None
    inexactness = sum((one.mutants / mutants) ** 2 / one.size for one in known)
    return Share(sum(one.share * one.mutants for one in known) / mutants, mutants, 1 / inexactness)


def report(modules: Iterable[Module]) -> bool:
    """Print the outcomes by module and each survivor that nobody judged; return whether nine tenths are killed and none is untried."""
    judged = {(one.path, one.old, one.new) for one in load_equivalents()}
    whole, shares, left = Counter[str](), [], []
    print(f"{'module':58} {' '.join(f'{column:>8}' for column in COLUMNS)}  killed  95 % interval")
    for module in modules:
        found = Counter[str](mutants=len(module.mutants))
        for mutant in module.chosen:
            outcome = module.outcomes.get(mutant.source, "untried")
            if outcome == SURVIVED and (mutant.path, mutant.old, mutant.new) in judged:
                outcome = "equal"
            elif outcome in {SURVIVED, UNCLEAR}:
                left.append((module, mutant, outcome))
            found[outcome] += 1
            found["tried"] += outcome != "untried"
        whole += found
        share = share_of(found)
        shares += [share] if share else []
        print_line(module.path, found, share)
        if module.trouble:
            print(f"  {module.trouble}")
    share = whole_share(shares)
    print_line("all, weighted by mutants", whole, share)
    for module, mutant, outcome in left:
        print(f"\n{mutant.path}:{mutant.line} {outcome}\n{mutant.diff(module.source)}")
    counted = whole["tried"] - whole["equal"]
    print(f"\n{whole[KILLED]} of {counted} tried mutants that are no equivalents were killed; {whole['untried']} are untried")
    return share is not None and share.share >= 0.9 and not whole["untried"]


def print_line(name: str, found: Counter[str], share: Share | None) -> None:
    print(f"{name:58} {' '.join(f'{found[column]:8}' for column in COLUMNS)}  {share or ''}")
