"""Asks a process of this machine how it is: `python -m chassis.probe http://127.0.0.1:8000/readyz`; ends with 1 unless all is well."""

import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

SECONDS = 3


def main() -> None:
    try:
        # Nobody stands between a process and the machine that it runs on.
        build_opener(ProxyHandler({})).open(sys.argv[1], timeout=SECONDS).close()
    except (URLError, OSError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
