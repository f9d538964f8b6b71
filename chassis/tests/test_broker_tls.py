"""TLS to the broker: its certificate must bear its name and be signed by a CA in `SSL_CERT_FILE`."""

import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.messaging.broker import BROKER_ERRORS, connected


class Broker:
    """A server with a self-made certificate that accepts one connection and records what the client sends."""

    def __init__(self, folder: Path, named: str) -> None:
        self.certificate = folder / f"{named}.pem"
        key, name, at = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
        built = x509.CertificateBuilder(name, name, key.public_key(), 1, at - timedelta(hours=1), at + timedelta(hours=1))
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(named)]), critical=True)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        private = folder / f"{named}.key"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, private)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"amqps://u:p@localhost:{self._listening.getsockname()[1]}//"
        self.greeted = b""
        self._thread = threading.Thread(target=self._answer, args=(context,))
        self._thread.start()

    def _answer(self, context: ssl.SSLContext) -> None:
        with self._listening, suppress(OSError):
            connection, _ = self._listening.accept()
            with context.wrap_socket(connection, server_side=True) as secured:
                self.greeted = secured.recv(8)

    def called(self) -> bytes:
        """Return the first bytes that the client sent after the handshake."""
        with suppress(*BROKER_ERRORS), connected(self.url, 20):
            pass
        self._thread.join()
        return self.greeted


def test_a_broker_certificate_with_its_own_name_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(broker.certificate))
    assert broker.called()[:4] == b"AMQP"


def test_a_broker_certificate_with_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(tmp_path, "other.example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(broker.certificate))
    assert broker.called() == b""


def test_a_broker_certificate_of_an_unknown_ca_is_refused(tmp_path: Path) -> None:
    assert Broker(tmp_path, "localhost").called() == b""
