"""A service's application behind Granian's WSGI threads: `python -m bench.peers.granian_threads <service> <port> <threads>`."""

import sys

from granian import Granian
from granian.constants import Interfaces


def main() -> None:
    service, port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Granian(
        f"{service}.web:create",
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        backpressure=8 * threads,
        websockets=False,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
