"""Each process and each command reads every setting at its start, and ends with one line that names what is missing or wrong."""

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import structlog
from cryptography.fernet import Fernet

from chassis import failures, start
from chassis.commands import OF_EVERY_SERVICE, commands
from chassis.data.encryption import EncryptionSettings, FingerprintSettings
from chassis.data.personal_keys import KeyEncryptionSettings, KeysDatabaseSettings
from chassis.environment import SettingsError, read_all
from chassis.http.doors import DoorSettings
from chassis.settings import LogSettings, MigrationSettings, RetentionSettings, Settings, StreamSettings, WebSettings
from chassis.testing.postgres import Postgres
from deploy.services import services
from matching import audit
from matching.settings import ProposalSettings, SlipSettings
from notify.settings import (
    AliyunSettings,
    PushSettings,
    ReportSettings,
    SendingSettings,
    SmtpSettings,
    TencentSettings,
    VapidSettings,
    WechatSettings,
)
from users.codes.settings import CodeSettings
from users.settings import UsersSettings

AWAY = "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"
EVERYWHERE = {
    "BROKER_URL": "redis://broker",
    "JWKS_URL": "users",
    "HOST": "http://0.0.0.0",
    "PORT": "99999",
    "METRICS_PORT": "-1",
    "POOL_SIZE": "0",
    "STATEMENT_TIMEOUT_MS": "soon",
    "RETRY_PAUSE_MS": "-1",
    "ATTEMPTS": "0",
    "HEARTBEAT_SECONDS": "0",
    "JOURNAL_DAYS": "0.5",
    "LOG_LEVEL": "LOUD",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "collector",
    "SSL_CERT_FILE": "/nowhere/ca.crt",
}
"""A wrong value of each setting that every process reads."""
OF_WEB = {
    "WEB_THREADS": "0",
    "REQUEST_SECONDS": "nan",
    "POOL_WAIT_SECONDS": "-1",
    "LOCK_TIMEOUT_MS": "x",
    "DRAIN_SECONDS": "-1",
    "RATE_READS": "many",
    "RATE_WRITES": "0/minute",
    "RATE_GUESTS": "5/fortnight",
    "RATE_SIGN_INS": "-1/minute",
    "RATE_LIMIT_STORE": "http://redis",
    "TRUSTED_PROXIES": "-1",
    "HSTS_SECONDS": "1 year",
    "CORS_ORIGINS": "https://app.example.org/,b",
    "PUBLIC_URL": "example.org",
}
OF_SMS = {
    "USERS_URL": "users:8000",
    "TENCENT_SECRET_ID": "AKID with blanks",
    "TENCENT_SECRET_KEY": "…",
    "TENCENT_SMS_APP_ID": "duijie",
    "TENCENT_SMS_TEMPLATE_ID": "codes",
    "TENCENT_SMS_SIGN_NAME": "【对接】",
    "TENCENT_SMS_REGION": "Guangzhou",
    "TENCENT_SMS_ENDPOINT": "sms.example.org",
    "TENCENT_SMS_TEMPLATES": "news",
    "ALIYUN_KEY_ID": "LTAI with blanks",
    "ALIYUN_KEY_SECRET": "…",
    "ALIYUN_SMS_SIGN_NAME": "【对接】",
    "ALIYUN_SMS_TEMPLATES": "code=1",
    "TENCENT_SMS_EXTENSIONS": "10",
    "ALIYUN_SMS_ENDPOINT": "dysms.example.org",
    "SMTP_HOST": "a mail server",
    "SMTP_PORT": "0",
    "SMTP_SECURITY": "perhaps",
    "SMTP_USERNAME": "two words",
    "SMTP_PASSWORD": "two\nlines",
    "SMTP_SENDER": "nobody",
    "SMTP_SENDER_NAME": "<b>",
    "SMTP_CA_FILE": "/nowhere/ca.pem",
    "SMS_REPORT_KEYS": "tencent=short",
    "SMS_PER_DAY": "0",
    "SMS_PER_SECOND": "0",
    "SMS_REPORTS": "perhaps",
    "EMAIL_PER_DAY": "0",
    "EMAIL_PER_SECOND": "0",
    "PUSH_PER_DAY": "0",
    "PUSH_PER_SECOND": "0",
    "PUSH_HOSTS": "https://push.example.org",
    "VAPID_PUBLIC_KEY": "short",
    "VAPID_PRIVATE_KEY": "short",
    "VAPID_SUBJECT": "nobody",
    "WECHAT_APP_ID": "duijie",
    "WECHAT_APP_SECRET": "short",
    "WECHAT_TEMPLATE_ID": "short",
    "WECHAT_TEMPLATE_FIELDS": "title",
    "WECHAT_PAGE": "https://example.org",
    "WECHAT_ENDPOINT": "api.weixin.qq.com",
    "WECHAT_PER_DAY": "0",
    "WECHAT_PER_SECOND": "0",
}
OF_ENDPOINTS = {
    "ENDPOINT_NETWORKS": "10.0.0.1/8",
    "ENDPOINT_PORTS": "https",
    "ENDPOINT_CA_FILE": "/nowhere/ca.pem",
    "ENDPOINT_BOT_HOSTS": "qq=im.example.org",
}
OF_CODES = {"CODE_KEYS": "short", "DOOR_KEYS": "short", "CODES_PER_PHONE": "0", "CODES_PER_ADDRESS": "0", "CODES_PER_DAY": "0"}
OF_STREAMS = ("STREAMS_PER_PERSON", "STREAMS_PER_ADDRESS")
OF_SOME = (
    OF_SMS
    | OF_ENDPOINTS
    | {
        "SEAL_AS_BEFORE": "2",
        "KEEP_TEXTS_DAYS": "7",
        "ANSWER_HOURS": "1e300",
        **dict.fromkeys(OF_STREAMS, "0"),
        "USERS_SIGNING_KEYS": "/nowhere/signing.pem",
    }
)
WRONG = EVERYWHERE | OF_WEB | OF_CODES | OF_SOME

OF_CODE = {"KEEP_TEXTS_DAYS"}
SEALED = OF_CODE | {"SEAL_KEYS", "SEAL_AS_BEFORE"}
OF_USERS = SEALED | {"KEY_ENCRYPTION_KEYS", "USERS_KEYS_DATABASE_URL"}
ROLES: dict[str, set[str]] = {
    "users-web": OF_WEB.keys() | OF_CODES.keys() | OF_USERS | {"FINGERPRINT_KEY", "USERS_SIGNING_KEYS"},
    "users-worker": OF_USERS,
    "users-relay": set(),
    "users-importing": OF_USERS | {"FINGERPRINT_KEY"},
    "needs-web": OF_WEB.keys() | SEALED | {"FINGERPRINT_KEY"},
    "needs-worker": SEALED,
    "needs-relay": set(),
    "needs-importing": SEALED | {"FINGERPRINT_KEY"},
    "matching-web": OF_WEB.keys() | SEALED | {"FINGERPRINT_KEY"},
    "matching-worker": SEALED,
    "matching-relay": set(),
    "matching-clear": {"ANSWER_HOURS"},
    "notify-web": OF_WEB.keys()
    | OF_ENDPOINTS.keys()
    | SEALED
    | {"FINGERPRINT_KEY", "SMS_REPORT_KEYS", "USERS_URL", "VAPID_PUBLIC_KEY", "PUSH_HOSTS"},
    "notify-stream": OF_WEB.keys()
    | OF_ENDPOINTS.keys()
    | SEALED
    | {"FINGERPRINT_KEY", "SMS_REPORT_KEYS", "USERS_URL", "VAPID_PUBLIC_KEY", "PUSH_HOSTS", *OF_STREAMS},
    "notify-worker": SEALED,
    "notify-relay": set(),
    "notify-send": OF_SMS.keys() - {"SMS_REPORT_KEYS", "VAPID_PUBLIC_KEY"}
    | OF_ENDPOINTS.keys()
    | SEALED - OF_CODE
    | {"DOOR_KEYS", "FINGERPRINT_KEY", "PUBLIC_URL"},
    "insight-web": OF_WEB.keys() | OF_CODE | {"FINGERPRINT_KEY"},
    "insight-worker": OF_CODE,
    "insight-relay": set(),
}
"""Settings that each role reads besides those of every process."""
COMMANDS: dict[str, tuple[str, list[str], set[str]]] = {
    "migrate": ("needs", ["needs"], {"NEEDS_AUDIT_DATABASE_URL"}),
    "topology": ("needs", ["needs"], set()),
    "dead-letters": ("needs", ["list", "needs"], set()),
    "replay": ("needs", ["needs", "--to", "matching"], set()),
    "retell": ("needs", ["needs", "--to", "matching"], set()),
    "reseal": ("needs", ["needs"], SEALED),
    "appoint-first": ("users", ["--phone", "13900000000", "--name", "甲", "--region", "51"], OF_USERS | {"FINGERPRINT_KEY"}),
    "import-accounts": ("users", ["/dev/null"], OF_USERS | {"FINGERPRINT_KEY"}),
    "import-regions": ("users", ["/dev/null"], set()),
    "reset-second-factor": ("users", ["--phone", "13900000000"], OF_USERS | {"FINGERPRINT_KEY"}),
    "as-told": ("needs", [], set()),
    "audit": ("matching", [], set()),
    "recall": ("matching", ["/dev/null"], {"ANSWER_HOURS"}),
}
"""The service of each command, its arguments, and settings that it reads besides those of every process."""
FILES = {
    "import-accounts": "kind,phone,name,password,region\ndonor,13900000000,甲,vier Pferde zaehlen,51\n",
    "import-regions": "code,name,valid_from,valid_until,successors\n510921,蓬溪县,,,\n",
    "recall": json.dumps(
        {"of": "match", "version": 1, "state": "accepted", "quantity": 1, "sent": 0, "received": 0, "need_ended": None}
        | dict.fromkeys(("match_id", "need_id", "pledge_id"), "0192f0c1-7a00-7000-8000-000000000000")
    )
    + "\n",
}
"""A file of each command that reads one, with something for its database."""

Run = Callable[..., tuple[int, str]]
WORKERS = """
import sys
from chassis import worker
for service in sys.argv[1:]:
    sys.argv[1:] = [service]
    try:
        worker.main()
    except SystemExit as end:
        print(service, end.code, flush=True)
"""
"""Workers start one after the other in a process of their own, because eventlet patches its process."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`run(["chassis.relay", "needs"], {"PORT": "0"})` runs a process in this environment; returns its exit code and its output."""

    handlers, level = logging.root.handlers[:], logging.root.level

    def ended(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        module = import_module(command[0])
        main = module.main if hasattr(module, "main") else import_module(f"{command[0]}.__main__").main
        for owner in (sys, threading):
            monkeypatch.setattr(owner, "excepthook", owner.excepthook)
        monkeypatch.setattr(sys, "argv", list(command))
        with patch.dict(os.environ, environment, clear=True), pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        code = end.value.code
        # As the interpreter does: a text is written, and the code is 1.
        return (1, f"{said.out}{said.err}{code}\n") if isinstance(code, str) else (int(code or 0), said.out + said.err)

    yield ended
    # A command may have set up the logs of this process.
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def workers() -> dict[str, str]:
    """Start the worker of each service with everything missing or wrong; return what each said at its end."""
    names = [name for name, service in services().items() if "worker" in service.roles]
    command = [sys.executable, "-W", "ignore", "-c", WORKERS, *names]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]} | WRONG, capture_output=True, text=True, check=True)
    assert not done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def roles() -> dict[str, list[str]]:
    return {f"{name}-{role}": [module, name] for name, service in services().items() for role, module in service.roles.items()}


def named(line: str) -> dict[str, str]:
    """Return the settings that a line names, each with its problem."""
    return dict(re.findall(r"(?:^|; )([A-Z_]+) (is \w+): it needs ", line))


def test_every_role_and_command_has_a_row() -> None:
    assert ROLES.keys() == roles().keys()
    assert COMMANDS.keys() == commands().keys()
    assert {name.replace("-", "_") for name in COMMANDS.keys() - OF_EVERY_SERVICE} == {
        command for service in services().values() for command in service.commands
    }


@pytest.mark.parametrize("role", ROLES)
def test_role_names_each_missing_or_wrong_setting(run: Run, workers: dict[str, str], role: str) -> None:
    module, service = roles()[role]
    code, said = (1, f"{workers[service]}\n") if module == "chassis.worker" else run([module, service], WRONG)
    database = f"{role.partition('-')[0].upper()}_DATABASE_URL"
    assert (code, said.count("\n")) == (1, 1), said
    assert named(said).keys() == EVERYWHERE.keys() | ROLES[role] | {database}
    missing = {name for name, problem in named(said).items() if problem == "is missing"}
    assert missing == ({database, "FINGERPRINT_KEY"} | OF_USERS - {"SEAL_AS_BEFORE", "KEEP_TEXTS_DAYS"}) & named(said).keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_names_each_missing_or_wrong_setting(run: Run, command: str) -> None:
    service, arguments, own = COMMANDS[command]
    code, said = run([commands()[command], *arguments], WRONG)
    assert (code, said.count("\n")) == (1, 1), said
    assert named(said).keys() == EVERYWHERE.keys() | own | {f"{service.upper()}_DATABASE_URL"}


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"topology"}))
def test_command_without_its_database_says_so(run: Run, command: str, tmp_path: Path) -> None:
    """`topology` waits for a minute; the chassis tests it."""
    service, arguments, _ = COMMANDS[command]
    keys = {name: Fernet.generate_key().decode() for name in ("SEAL_KEYS", "KEY_ENCRYPTION_KEYS")}
    keys |= {"FINGERPRINT_KEY": "x", "BROKER_URL": "amqp://127.0.0.1:1//"}
    (tmp_path / "file").write_text(FILES.get(command, ""), "utf-8")
    arguments = [one.replace("/dev/null", str(tmp_path / "file")) for one in arguments]
    code, said = run(
        [commands()[command], *arguments],
        {f"{service.upper()}_{which}DATABASE_URL": AWAY for which in ("", "AUDIT_", "KEYS_")} | keys,
    )
    assert code == 1, said
    assert "Traceback" not in said
    away = "the broker cannot be reached" if command == "as-told" else "the database cannot be used"
    assert away in said.splitlines()[-1]
    assert "secret" not in said


MODULES = {module for module, _ in roles().values()} - {"chassis.worker"} | set(OF_EVERY_SERVICE.values())


@pytest.mark.parametrize("module", sorted(MODULES))
def test_service_that_is_not_installed_is_refused(run: Run, module: str) -> None:
    arguments = {"chassis.dead_letters": ["list", "nothing"], "chassis.replay": ["nothing", "--to", "needs"]}
    code, said = run([module, *arguments.get(module.replace("retell", "replay"), ["nothing"])], {})
    assert (code, said.count("\n")) == (2, 1), said
    assert "nothing" in said


def test_wrong_password_and_missing_tables_are_named(run: Run, postgres: Postgres) -> None:
    postgres.create("without_tables")
    address = postgres.url("without_tables")
    code, said = run(["matching.audit"], {"MATCHING_DATABASE_URL": address})
    assert (code, said) == (1, "the database lacks a table: run `duijie migrate` first\n")
    before, _, after = address.rpartition("@")
    code, said = run(["matching.audit"], {"MATCHING_DATABASE_URL": f"{before}-wrong@{after}"})
    assert code == 1
    assert "password authentication failed" in said
    assert said.count("\n") == 1


def test_pages_process_names_each_wrong_setting(run: Run) -> None:
    code, said = run(["chassis.docs", "needs"], WRONG)
    assert (code, said.count("\n")) == (1, 1), said
    assert named(said).keys() == OF_WEB.keys() | {"HOST", "PORT"}


def without(guard: str, reason: str) -> Any:
    return pytest.param(guard, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@pytest.mark.parametrize("guard", ["", without("describe", "without it, a missing setting ends in a traceback")])
def test_missing_setting_of_a_command_ends_in_one_line(monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.delenv("MATCHING_DATABASE_URL", raising=False)
    if guard:
        monkeypatch.setattr(failures, guard, lambda error: None)
    ended: object = None
    try:
        audit.main([])
    except SystemExit as stop:
        ended = stop.code
    except SettingsError as error:
        ended = error
    assert isinstance(ended, str)
    assert ended.startswith("MATCHING_DATABASE_URL is missing: it needs the address of a PostgreSQL database")


@pytest.mark.parametrize("guard", ["", without("encrypted_models", "without it, a web without SEAL_KEYS starts")])
def test_web_with_encrypted_columns_needs_their_keys(monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.delenv("SEAL_KEYS")
    monkeypatch.setenv("NEEDS_DATABASE_URL", AWAY)
    if guard:
        monkeypatch.setattr(start, guard, lambda service: iter(()))
    try:
        start.read_web_settings("needs")
        problems: dict[str, str] = {}
    except SettingsError as error:
        problems = error.problems
    assert problems.keys() == {"SEAL_KEYS"}


PAGE = Path(__file__).resolve().parents[2] / "docs/operating/starting.md"


def test_page_says_what_each_setting_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEAL_KEYS", "KEY_ENCRYPTION_KEYS", "FINGERPRINT_KEY"):
        monkeypatch.delenv(name)
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    keys = (EncryptionSettings, KeyEncryptionSettings, FingerprintSettings, DoorSettings)
    of_all = (LogSettings, WebSettings, StreamSettings, RetentionSettings, *keys)
    classes = (*of_all, UsersSettings, CodeSettings, SlipSettings, ProposalSettings, SendingSettings, ReportSettings, PushSettings)
    of_services = (Settings, MigrationSettings, KeysDatabaseSettings)
    with pytest.raises(SettingsError) as error:
        read_all(*(partial(one.of, "<service>") for one in of_services), *(one.of_environment for one in classes))
    needs = {name: problem.partition(": it needs ")[2] for name, problem in error.value.problems.items()}
    assert dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)) == needs


READ_BY_ANOTHER = {one.__name__ for one in (DoorSettings, TencentSettings, AliyunSettings, SmtpSettings, VapidSettings, WechatSettings)}
"""Classes that another class reads."""


def test_every_class_of_settings_is_read_at_a_start() -> None:
    """A class that no process lists as `SETTINGS` would be read too late."""
    declared = {one for service in services() for one in classes_of(service)}
    listed = {
        one.__name__
        for name, service in services().items()
        for module in [f"{name}.web", *service.jobs]
        for one in getattr(import_module(module), "SETTINGS", ())
        if one.__module__ == f"{name}.settings"
    }
    assert declared == listed | READ_BY_ANOTHER


def classes_of(service: str) -> set[str]:
    if find_spec(f"{service}.settings") is None:
        return set()
    return {name for name, one in vars(import_module(f"{service}.settings")).items() if hasattr(one, "of_environment")}
