"""Asks a process of this machine how it is: `python -m chassis.probe http://127.0.0.1:8000/readyz`; ends with 1 unless all is well."""

import sys
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from chassis.failures import Parser

SECONDS = 3


def main() -> None:
    """Request the address within 3 s; exit with 1 unless it answers with success."""
    parser = Parser(prog="python -m chassis.probe", description=__doc__)
    parser.add_argument("address", help="http://127.0.0.1:<port>/livez or /readyz")
    address = parser.parse_args().address
    try:
        # No proxy: the process runs on this machine.
        build_opener(ProxyHandler({})).open(address, timeout=SECONDS).close()
    except (URLError, OSError, ValueError, HTTPException) as error:
        sys.exit(f"{address}: {error}")


if __name__ == "__main__":
    main()
