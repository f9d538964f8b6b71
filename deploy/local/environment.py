"""The environment of processes on a laptop: addresses of databases and broker, keys made at the first start."""

import json
import os
import random
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from chassis.testing.folders import is_free
from chassis.testing.postgres import audit_role, keys_role
from deploy.local.client import Origin
from deploy.local.receivers import certify
from deploy.services import services
from notify.channels.bots import DIALECTS
from notify.channels.texts import CODE, texts
from notify.settings import PUSH_HOSTS


def data_folder(name: str) -> Path:
    """Return the data folder: `var/` of the checkout, but /var/lib for root, whose PostgreSQL user cannot reach a checkout."""
    return Path("/var/lib/duijie") / name if os.geteuid() == 0 else Path("var").resolve() / name


ON_ONE_ADDRESS = {
    "RATE_SIGN_INS": "100000/minute",
    "RATE_GUESTS": "100000/minute",
    "CODES_PER_PHONE": "1000",
    "CODES_PER_ADDRESS": "1000000",
    "CODES_PER_DAY": "1000000",
}
"""Limits for a laptop, where all requests come from one address, and no code costs anything."""


DEVELOPERS = {
    "CORS_ORIGINS": ",".join(f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 4173, 5173, 8080, 10086))
}
"""Addresses at which the usual tools serve a page that is being written (Vite, Next, Taro): it may call the house."""

RANDOM_KEYS = ("FINGERPRINT_KEY", "CODE_KEYS", "DOOR_KEYS")
PROVIDERS = ("TENCENT_", "ALIYUN_", "SMTP_", "SMS_REPORT", "WECHAT_", "VAPID_", "ENDPOINT_", "PUSH_")
"""Beginnings of settings about providers outside: the sandbox uses none of the machine's environment."""


def environment(
    folder: Path, database_url: Callable[[str, str], str], *, origin: Origin, telephones: str, broker_url: str | None = None
) -> dict[str, str]:
    """Return the environment of every process. Keys are made once and kept in `folder`, readable by its owner only.

    SMS and mails go to the sandbox's own outbox at the address `telephones`, whatever provider the machine's environment names: the
    sandbox's telephones and mailboxes are invented, and might belong to somebody.
    `database_url` gives the address of a service's database for a role.
    """
    variables: dict[str, str] = (
        ON_ONE_ADDRESS
        | DEVELOPERS
        | {"PUBLIC_URL": origin("/v1/slips/page")}
        | {name: value for name, value in os.environ.items() if not name.startswith(PROVIDERS)}
        | keys_of(folder)
        | {"JWKS_URL": f"{origin('/v1/jwks')}/v1/jwks", "USERS_SIGNING_KEYS": str(signing_key_of(folder))}
        | {"USERS_URL": origin("/v1/jwks"), "TENCENT_SMS_ENDPOINT": telephones, "WECHAT_ENDPOINT": telephones}
        | account_of(folder)
    )
    variables |= receivers_of(folder, variables["SANDBOX_TLS_PORT"])
    replies = f"{origin('/v1/messages')}/v1/messages/replies/tencent/{variables['SMS_REPORT_KEYS'].removeprefix('tencent=')}"
    variables["SANDBOX_REPLIES"] = replies
    variables |= {f"{name.upper()}_DATABASE_URL": database_url(name, name) for name in services()}
    keeping = [name for name, service in services().items() if service.personal_keys]
    variables |= {f"{name.upper()}_KEYS_DATABASE_URL": database_url(keys_role(name), keys_role(name)) for name in keeping}
    return variables | ({"BROKER_URL": broker_url} if broker_url else {})


def migration_addresses(database_url: Callable[[str, str], str]) -> dict[str, str]:
    """Return the addresses that the migration alone gets: those of the roles that own databases and audit logs."""
    return {f"{name.upper()}_AUDIT_DATABASE_URL": database_url(name, audit_role(name)) for name in services()}


def keys_of(folder: Path) -> dict[str, str]:
    """The secret settings of all services, made at the first call. A folder of an earlier version gets those that it lacks."""
    made = {name: Fernet.generate_key().decode() for name in ("SEAL_KEYS", "KEY_ENCRYPTION_KEYS")}
    made |= {name: secrets.token_hex(32) for name in RANDOM_KEYS}
    return _kept(folder / "keys.json", made)


def account_of(folder: Path) -> dict[str, str]:
    """The accounts at the sandbox's outbox, as those at providers; keys and the mail server's port are chosen at the first call."""
    keys = {"TENCENT_SECRET_ID": f"AKID{secrets.token_hex(16)}", "TENCENT_SECRET_KEY": secrets.token_hex(16)}
    keys |= p256_keys("VAPID") | p256_keys("SANDBOX_BROWSER") | {"SANDBOX_BROWSER_AUTH": secrets.token_urlsafe(16)}
    keys |= {"WECHAT_APP_SECRET": secrets.token_hex(16), "SANDBOX_TLS_PORT": str(_free_port())}
    keys |= {"SMS_REPORT_KEYS": f"tencent={secrets.token_hex(32)}", "SMTP_PORT": str(_free_port())}
    named = {"SMTP_HOST": "127.0.0.1", "SMTP_SECURITY": "none", "SMTP_SENDER": "duijie@sandbox.invalid"}
    named |= {"VAPID_SUBJECT": "mailto:duijie@sandbox.invalid"}
    named |= {"WECHAT_APP_ID": f"wx{0:016x}", "WECHAT_TEMPLATE_ID": "template-of-the-sandbox"}
    named |= {"TENCENT_SMS_APP_ID": "1400000000", "TENCENT_SMS_TEMPLATE_ID": "1000000", "TENCENT_SMS_SIGN_NAME": "对接沙盒"}
    named |= {"TENCENT_SMS_EXTENSIONS": "3"}
    named |= {
        "TENCENT_SMS_TEMPLATES": ",".join(f"{name}={1000001 + at}" for at, name in enumerate(name for name in texts() if name != CODE))
    }
    return named | _kept(folder / "sms-account.json", keys)


def receivers_of(folder: Path, port: str) -> dict[str, str]:
    """Return the settings by which webhooks, bots and pushes may go to the sandbox's receivers, besides the addresses of the world."""
    here = f"localhost:{port}"
    own, trusted = certify(folder)
    return {
        "ENDPOINT_NETWORKS": "127.0.0.0/8,::1/128",
        "ENDPOINT_PORTS": f"443,{port}",
        "ENDPOINT_BOT_HOSTS": ",".join(f"{name}={here}" for name in DIALECTS),
        "PUSH_HOSTS": f"{PUSH_HOSTS},{here}",
        "SANDBOX_CERTIFICATE": str(own),
        "SSL_CERT_FILE": str(trusted),
    }


def p256_keys(owner: str) -> dict[str, str]:
    """Make a pair of keys of P-256 in URL-safe base64, such as the one by which the house signs pushes, as two settings."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_numbers().private_value.to_bytes(32, "big")
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    written = (urlsafe_b64encode(one).decode().rstrip("=") for one in (private, public))
    return dict(zip((f"{owner}_PRIVATE_KEY", f"{owner}_PUBLIC_KEY"), written, strict=True))


def _free_port() -> int:
    """Return a free port below those that the kernel takes for outgoing connections."""
    return next(filter(is_free, random.sample(range(20000, 32768), 1000)))


def _kept(path: Path, made: dict[str, str]) -> dict[str, str]:
    """Return the values in the file; write there those of `made` that it lacks."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if made.keys() - kept.keys():
        kept = made | kept
        _write_secret(path, json.dumps(kept))
    return kept


def signing_key_of(folder: Path) -> Path:
    """The file with the key by which users signs, made at the first call."""
    path = folder / "signing.pem"
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_secret(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return path


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.rename(path)
