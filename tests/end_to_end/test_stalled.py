"""Stalled connections to the embedded house delay nobody."""

from contextlib import ExitStack

import httpx

from chassis.testing.stalled import COUNTS, stalled
from tests.end_to_end.conftest import World


def test_stalled_connections_delay_nobody_in_the_house(embedded: World) -> None:
    address = httpx.URL(embedded.origin("/v1/needs"))
    with ExitStack() as stack:
        for kind, count in COUNTS.items():
            stack.enter_context(stalled((address.host, address.port or 0), kind, count, "/v1/sessions"))
            for path, seconds in {"/livez": 1, "/readyz": 2, "/v1/needs": 2}.items():
                assert httpx.get(address.copy_with(path=path), trust_env=False, timeout=seconds).status_code == 200, (kind, path)
