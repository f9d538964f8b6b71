"""Rate limits: requests a minute for each caller, and for each address of guests."""

import logging
import threading
import time
from ipaddress import IPv4Address, ip_address

from flask import current_app, request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from chassis.http.auth import Caller
from chassis.problems import problem
from chassis.settings import WebSettings

log = logging.getLogger("chassis.rates")
SWEEP_SECONDS = 60
AWAY_SECONDS = 5

too_many = problem(429, "too_many", zh="操作过于频繁，请稍后再试", en="Too many requests. Try again later.")


class SweptMemoryStorage(MemoryStorage):
    """Counters in memory, swept once a minute. The library sweeps 10 ms after each hit, which takes longer than a request."""

    STORAGE_SCHEME = ["swept"]

    def _MemoryStorage__schedule_expiry(self) -> None:
        if not self.timer.is_alive():
            self.timer = threading.Timer(SWEEP_SECONDS, self._MemoryStorage__expire_events)  # type: ignore[attr-defined]
            self.timer.daemon = True
            self.timer.start()


class RateLimiter:
    """Counters in this process, or in a store that all processes share; while that is unavailable, in this process."""

    def __init__(self, settings: WebSettings) -> None:
        """Read the limits. Raises `ValueError` for a malformed one."""
        self._limits = {
            "reads": parse(settings.rate_reads),
            "writes": parse(settings.rate_writes),
            "guests": parse(settings.rate_guests),
            "sign_ins": parse(settings.rate_sign_ins),
        }
        self._own = SlidingWindowCounterRateLimiter(SweptMemoryStorage())
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._away_until = 0.0
        if settings.rate_limit_store:
            store = storage_from_string(settings.rate_limit_store, wrap_exceptions=True, socket_timeout=0.2, socket_connect_timeout=0.2)
            self._shared = SlidingWindowCounterRateLimiter(store)

    def count(self, what: str, who: str) -> None:
        """Count one request of `who`. Raises `too_many`, with the seconds to wait, when the limit `what` is reached."""
        limit = self._limits[what]
        if self._shared and time.monotonic() >= self._away_until:
            try:
                _spend(self._shared, limit, what, who)
                return
            except StorageError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("the store of rates is away, this process counts alone", extra={"error": type(error.storage_error).__name__})
        _spend(self._own, limit, what, who)


def _spend(limiter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, what: str, who: str) -> None:
    if not limiter.hit(limit, what, who):
        reset_at = limiter.get_window_stats(limit, what, who).reset_time
        raise too_many(retry_after_seconds=max(1, round(reset_at - time.time())))


def count_request(caller: Caller | None, signs_in: bool) -> None:
    """Count the present request for its caller, or for the address of a guest. Raises `too_many`."""
    rates: RateLimiter = current_app.extensions["rates"]
    if signs_in:
        rates.count("sign_ins", caller_address())
    elif caller is None:
        rates.count("guests", caller_address())
    else:
        rates.count("reads" if request.method in {"GET", "HEAD"} else "writes", str(caller.id))


def caller_address() -> str:
    """Return the caller's IPv4 address, or the first half of its IPv6 address, which one household cannot vary."""
    text = request.remote_addr or ""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or address.exploded[:19])
