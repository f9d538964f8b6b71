"""The table of a campaign: outcomes by module, the share of killed mutants with its interval, and each survivor."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from tests.mutants.operators import Mutant
from tests.mutants.outcomes import KILLED, SURVIVED, UNCLEAR, Module, load_judged

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


@dataclass(frozen=True)
class Row:
    """What a run found of one module, or of all."""

    name: str
    found: Counter[str]
    share: Share | None
    trouble: str = ""

    def figures(self) -> list[str]:
        """Return the cells of a table."""
        return [self.name, *(str(self.found[column]) for column in COLUMNS), str(self.share or "").strip()]


@dataclass(frozen=True)
class Left:
    """A mutant that was not killed and is no equivalent; `why` says why no test is worth it, if somebody looked at it."""

    module: Module
    mutant: Mutant
    outcome: str
    why: str


def report(modules: Sequence[Module], table: Path | None = None) -> bool:
    """Print the outcomes by module and each survivor; return whether nine tenths are killed and none is untried.

    With `table`, write them there as Markdown too, summed by part.
    """
    rows, left = count_outcomes(modules)
    whole = rows[-1]
    print(f"{'module':58} {' '.join(f'{column:>8}' for column in COLUMNS)}  killed  95 % interval")
    for row in rows:
        name, *figures, share = row.figures()
        print(f"{name:58} {' '.join(f'{figure:>8}' for figure in figures)}  {share}" + (f"\n  {row.trouble}" if row.trouble else ""))
    for one in left:
        print(f"\n{one.mutant.path}:{one.mutant.line} {one.outcome} {one.why}\n{one.mutant.diff(one.module.source)}")
    print(f"\n{summary_of(whole.found, len(left), sum(bool(one.why) for one in left))}")
    if table:
        table.write_text(markdown(rows, left), "utf-8")
    return whole.share is not None and whole.share.share >= 0.9 and not whole.found["untried"]


def count_outcomes(modules: Iterable[Module]) -> tuple[list[Row], list[Left]]:
    """Count the outcomes of each module, and in the last row of all; list the mutants that are left."""
    judged = {(one.path, one.old, one.new): one for one in load_judged()}
    rows, left, whole = list[Row](), list[Left](), Counter[str]()
    for module in modules:
        found = Counter[str](mutants=len(module.mutants))
        for mutant in module.chosen:
            outcome = module.outcomes.get(mutant.source, "untried")
            known = judged.get((mutant.path, mutant.old, mutant.new))
            if outcome == SURVIVED and known and known.is_equivalent:
                outcome = "equal"
            elif outcome in {SURVIVED, UNCLEAR}:
                left.append(Left(module, mutant, outcome, known.why if known else ""))
            found[outcome] += 1
            found["tried"] += outcome != "untried"
        whole += found
        rows.append(Row(module.path, found, share_of(found), module.trouble))
    return [*rows, Row("all, weighted by mutants", whole, whole_share(row.share for row in rows if row.share))], left


def sum_parts(rows: Sequence[Row]) -> list[Row]:
    """Sum the rows of modules by part: the rules, the actions and what else of each service, the rooms of the chassis."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(part_of(row.name), []).append(row)
    return [
        Row(f"{part} ({len(own)})", sum((row.found for row in own), Counter()), whole_share(row.share for row in own if row.share))
        for part, own in sorted(parts.items())
    ]


def part_of(path: str) -> str:
    """Name the part of a module: `needs: rules`, `chassis: http`."""
    names = path.removesuffix(".py").split("/")
    if names[0] == "services":
        return f"{names[1]}: {next((kind for kind in ('rules', 'actions') if kind in names), 'others')}"
    return f"{names[0]}: {names[2]}" if len(names) > 2 else path


def summary_of(found: Counter[str], left: int, judged: int) -> str:
    """Return the sum in one sentence."""
    counted = found["tried"] - found["equal"]
    said = f"{found[KILLED]} of {counted} tried mutants that are no equivalents were killed; {found['untried']} are untried"
    return f"{said}. Of the {left} that were not killed, {judged} were judged not worth a test"


def markdown(rows: Sequence[Row], left: Sequence[Left]) -> str:
    """Return a table of the parts with their numbers of modules, and the mutants that are left, as a page."""
    whole = rows[-1]
    cells = [["part (modules)", *COLUMNS, "killed, 95 % interval"], ["---", *["--:"] * len(COLUMNS), "--:"]]
    cells += [row.figures() for row in (*sum_parts(rows[:-1]), whole)]
    table = "\n".join(f"| {' | '.join(one)} |" for one in cells)
    shown = "\n".join(
        f"- `{one.mutant.path}:{one.mutant.line}` {one.outcome}: {one.why or 'not judged yet'}\n"
        f"  ```diff\n{indent(one.mutant.diff(one.module.source), '  ')}\n  ```"
        for one in left
    )
    summary = summary_of(whole.found, len(left), sum(bool(one.why) for one in left))
    return f"{summary}.\n\n{table}\n" + (f"\n## Not killed\n\n{shown}\n" if left else "")
