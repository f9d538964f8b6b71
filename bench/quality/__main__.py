"""The quality of matching: one clearing, a stream of arrivals, a county's year, a real season. JSON lines; exits with 1 when a bound
ratio does not hold.

`python -m bench.quality [--seed 7] [--only clearing online equity getusppe] [--figures docs/figures]`. The seed is printed on the
standard error; the same seed draws the same needs and pledges. Pictures are drawn only with `--figures`.
"""

import argparse
import sys
from pathlib import Path

from bench.quality import clearing, equity, figures, online, plots, seasons


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=("clearing", "online", "equity", "getusppe"))
    parser.add_argument("--figures", type=Path)
    asked = parser.parse_args()
    print(f"seed {asked.seed}", file=sys.stderr)
    parts = asked.only or ("clearing", "online", "equity", "getusppe")
    if "clearing" in parts:
        clearing.run(asked.seed)
    if "online" in parts:
        shares = online.run(asked.seed)
        if asked.figures:
            plots.online(asked.figures, shares)
    if "equity" in parts:
        table = equity.run(asked.seed)
        if asked.figures:
            plots.equity(asked.figures, table)
    if "getusppe" in parts:
        frontier = seasons.run(asked.seed)
        if asked.figures:
            plots.getusppe(asked.figures, frontier)
    figures.exit_on_failure()


if __name__ == "__main__":
    main()
