"""Makes the file of spellings that `users.regions.shipped` reads; `make generate` runs it.

To compute them takes three seconds of a processor, and each new database would need them again.
"""

import lzma
from pathlib import Path

from contracts import regions as edition
from users.regions.shipped import SPELLINGS, read_spellings
from users.regions.spelling import TOWN_DIGITS, spellings


def compute_spellings() -> bytes:
    """Compute the spellings of the shipped edition's towns and wider regions: lines of a spelling and a code."""
    listed = ((code, name) for code, name in edition.rows() if len(code) <= TOWN_DIGITS)
    return "".join(f"{key}\t{code}\n" for code, name in listed for key in sorted(spellings(name))).encode()


def main() -> None:
    """Write the file unless it holds these spellings; another version of xz may pack the same ones in other bytes."""
    computed = compute_spellings()
    if not SPELLINGS.is_file() or read_spellings() != computed:
        Path(str(SPELLINGS)).write_bytes(lzma.compress(computed, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
