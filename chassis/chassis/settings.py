"""Settings of a process, read from its environment; a missing one stops it at start, with a message."""

from dataclasses import dataclass

from environs import Env


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of every process. `database_url` is `<SERVICE>_DATABASE_URL`; each other one is its own name in capitals."""

    service: str
    database_url: str
    broker_url: str
    jwks_url: str
    host: str
    port: int
    pool_size: int
    statement_timeout_ms: int
    retry_pause_ms: int
    attempts: int
    heartbeat_seconds: int
    journal_days: int
    metrics_port: int

    @classmethod
    def of(cls, service: str) -> "Settings":
        """Read the settings of a service. Raises `environs.EnvError` naming the variable that is missing or wrong."""
        env = Env()
        return cls(
            service=service,
            database_url=env.str(f"{service.upper()}_DATABASE_URL"),
            broker_url=env.str("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
            jwks_url=env.str("JWKS_URL", "http://127.0.0.1:8000/v1/jwks"),
            host=env.str("HOST", "127.0.0.1"),
            port=env.int("PORT", 8000),
            pool_size=env.int("POOL_SIZE", 20),
            statement_timeout_ms=env.int("STATEMENT_TIMEOUT_MS", 20_000),
            retry_pause_ms=env.int("RETRY_PAUSE_MS", 1_500),
            attempts=env.int("ATTEMPTS", 4),
            heartbeat_seconds=env.int("HEARTBEAT_SECONDS", 20),
            journal_days=env.int("JOURNAL_DAYS", 90),
            metrics_port=env.int("METRICS_PORT", 0),
        )


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Further settings of a web process, each its own name in capitals. Rates are written as `1200/minute`."""

    web_threads: int
    request_seconds: float
    pool_wait_seconds: float
    lock_timeout_ms: int
    drain_seconds: float
    rate_reads: str
    rate_writes: str
    rate_guests: str
    rate_sign_ins: str
    rate_limit_store: str
    trusted_proxies: int
    hsts_seconds: int
    cors_origins: list[str]

    @classmethod
    def of_environment(cls) -> "WebSettings":
        """Read the settings. Raises `environs.EnvError` naming the variable that is wrong."""
        env = Env()
        return cls(
            web_threads=env.int("WEB_THREADS", 8),
            request_seconds=env.float("REQUEST_SECONDS", 15),
            pool_wait_seconds=env.float("POOL_WAIT_SECONDS", 5),
            lock_timeout_ms=env.int("LOCK_TIMEOUT_MS", 5_000),
            drain_seconds=env.float("DRAIN_SECONDS", 0),
            rate_reads=env.str("RATE_READS", "1200/minute"),
            rate_writes=env.str("RATE_WRITES", "600/minute"),
            rate_guests=env.str("RATE_GUESTS", "6000/minute"),
            rate_sign_ins=env.str("RATE_SIGN_INS", "300/minute"),
            rate_limit_store=env.str("RATE_LIMIT_STORE", ""),
            trusted_proxies=env.int("TRUSTED_PROXIES", 0),
            hsts_seconds=env.int("HSTS_SECONDS", 0),
            cors_origins=env.list("CORS_ORIGINS", []),
        )
