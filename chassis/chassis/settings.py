"""Settings of a process, read from its environment; a missing or wrong one stops it at start, with a message."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.environment import LEVELS, MOST_MILLISECONDS, Environment


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
        """Read the settings of a service. Raises `SettingsError` naming each that is missing or wrong."""
        env = Environment()
        env.authorities("SSL_CERT_FILE")
        read = cls(
            service=service,
            database_url=env.database_address(f"{service.upper()}_DATABASE_URL"),
            broker_url=env.broker_address("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
            jwks_url=env.web_address("JWKS_URL", "http://127.0.0.1:8000/v1/jwks", example="http://users:8000/v1/jwks"),
            host=env.host("HOST", "127.0.0.1"),
            port=env.whole("PORT", 8000, 1, 65_535),
            pool_size=env.whole("POOL_SIZE", 20, 1, 1_000),
            statement_timeout_ms=env.whole("STATEMENT_TIMEOUT_MS", 20_000, 1, MOST_MILLISECONDS),
            retry_pause_ms=env.whole("RETRY_PAUSE_MS", 1_500, 1, MOST_MILLISECONDS),
            attempts=env.whole("ATTEMPTS", 4, 1, 1_000),
            heartbeat_seconds=env.whole("HEARTBEAT_SECONDS", 20, 1, 3_600),
            journal_days=env.whole("JOURNAL_DAYS", 90, 1, 36_500),
            metrics_port=env.whole("METRICS_PORT", 0, 0, 65_535),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class MigrationSettings:
    """Further setting of the migrate step. `audit_database_url` is `<SERVICE>_AUDIT_DATABASE_URL`; no other process gets it."""

    audit_database_url: str

    @classmethod
    def of(cls, service: str) -> "MigrationSettings":
        """Read the setting of a service. Raises `SettingsError` when it is missing or wrong."""
        env = Environment()
        read = cls(audit_database_url=env.database_address(f"{service.upper()}_AUDIT_DATABASE_URL"))
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """`texts` is how long personal data are kept once their purpose is over; workers delete them afterwards."""

    texts: timedelta

    @classmethod
    def of_environment(cls) -> "RetentionSettings":
        """Read the setting. Raises `SettingsError` when it is wrong."""
        env = Environment()
        read = cls(texts=timedelta(days=env.whole("KEEP_TEXTS_DAYS", 1_095, 30, 36_500)))
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Settings of logs and traces: the lowest level of a log line, and the collector of spans, empty without one."""

    level: str
    collector: str

    @classmethod
    def of_environment(cls) -> "LogSettings":
        """Read the settings. Raises `SettingsError` naming each that is wrong."""
        env = Environment()
        read = cls(
            level=env.one_of("LOG_LEVEL", "INFO", LEVELS),
            collector=env.web_address("OTEL_EXPORTER_OTLP_ENDPOINT", "", example="http://collector:4318"),
        )
        env.check()
        return read


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """Further settings of a process that holds streams: how many one person, and one address, may have open in it."""

    per_person: int
    per_address: int

    @classmethod
    def of_environment(cls) -> "StreamSettings":
        """Read the settings. Raises `SettingsError` naming each that is wrong."""
        env = Environment()
        read = cls(
            per_person=env.whole("STREAMS_PER_PERSON", 5, 1, 1_000),
            per_address=env.whole("STREAMS_PER_ADDRESS", 500, 1, 1_000_000),
        )
        env.check()
        return read


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
    public_url: str

    @classmethod
    def of_environment(cls) -> "WebSettings":
        """Read the settings. Raises `SettingsError` naming each that is wrong."""
        env = Environment()
        read = cls(
            web_threads=env.whole("WEB_THREADS", 8, 1, 1_000),
            request_seconds=env.number("REQUEST_SECONDS", 15, 0.1, 3_600),
            pool_wait_seconds=env.number("POOL_WAIT_SECONDS", 5, 0.01, 3_600),
            lock_timeout_ms=env.whole("LOCK_TIMEOUT_MS", 5_000, 1, MOST_MILLISECONDS),
            drain_seconds=env.number("DRAIN_SECONDS", 0, 0, 3_600),
            rate_reads=env.rate("RATE_READS", "1200/minute"),
            rate_writes=env.rate("RATE_WRITES", "600/minute"),
            rate_guests=env.rate("RATE_GUESTS", "6000/minute"),
            rate_sign_ins=env.rate("RATE_SIGN_INS", "300/minute"),
            rate_limit_store=env.store_address("RATE_LIMIT_STORE"),
            trusted_proxies=env.whole("TRUSTED_PROXIES", 0, 0, 100),
            hsts_seconds=env.whole("HSTS_SECONDS", 0, 0, 10**9),
            cors_origins=env.origins("CORS_ORIGINS"),
            public_url=env.site_address("PUBLIC_URL", ""),
        )
        env.check()
        return read
