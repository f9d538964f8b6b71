"""Servers with TLS that play receivers of webhooks, and the bots of WeCom, DingTalk and Feishu with their documented checks and codes."""

import base64
import hashlib
import hmac
import json
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

NAMES = ("hooks.example.org", "qyapi.weixin.qq.com", "oapi.dingtalk.com", "open.feishu.cn", "localhost")
KEY, SECRET = "693a91f6-7000-4bc4-97a0-0ec2sifa5aaa", "SECfffe0123456789"
PER_MINUTE = 20


@dataclass(frozen=True)
class Call:
    """A request as the server got it."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    server_name: str | None

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0
    """Seconds between the bytes of the body."""


class Receiver:
    """A server with TLS on one address of this machine. `reply` answers each call, after it is kept in `calls`."""

    def __init__(self, certificate: tuple[Path, Path], address: str = "127.0.0.1", port: int = 0) -> None:
        self.calls: list[Call] = []
        self.connections = 0
        self.reply: Callable[[Call], Reply] = lambda call: Reply()
        key, cert = certificate
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        names: dict[int, str | None] = {}

        def note_name(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            names[id(connection)] = name

        context.sni_callback = note_name  # type: ignore[assignment]
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.path, headers, body, names.get(id(self.connection)))
                receiver.calls.append(call)
                reply = receiver.reply(call)
                said = reply.body.encode()
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(said))} | dict(reply.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                for place in range(len(said)) if reply.pause else ():
                    time.sleep(reply.pause)
                    self.wfile.write(said[place : place + 1])
                    self.wfile.flush()
                if not reply.pause:
                    self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def get_request(self) -> Any:
                receiver.connections += 1
                connection, client = super().get_request()
                connection.settimeout(20)
                return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), client

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server((address, port), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a key and a certificate for names, which is its own authority."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    listed = ",".join(f"DNS:{name}" for name in names)
    words = ["-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={listed}", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *words], check=True, capture_output=True)
    return key, cert


def _said(code: int, words: str) -> Reply:
    return Reply(body=json.dumps({"errcode": code, "errmsg": words}))


@dataclass
class WeCom:
    """A bot of WeCom: a key in the address, 2,048 bytes of text, twenty letters a minute. Every answer has status 200."""

    taken: list[str] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        if call.parameters.get("key") != KEY:
            return _said(
                93000, "invalid webhook url, hint: [1592021214_50], more info at https://open.work.weixin.qq.com/devtool/query?e=93000"
            )
        content = json.loads(call.body)["text"]["content"]
        if len(content.encode()) > 2048:
            return _said(40058, "text.content exceed max length 2048")
        if len(self.taken) >= PER_MINUTE:
            return _said(45009, "api freq out of limit")
        self.taken.append(content)
        return _said(0, "ok")


@dataclass
class DingTalk:
    """A bot of DingTalk with 加签: HMAC-SHA256 of time and secret by the secret, in the address."""

    taken: list[str] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        given = call.parameters
        if given.get("access_token") != KEY.replace("-", ""):
            return _said(300001, "token is not exist")
        timestamp = given.get("timestamp", "0")
        if abs(time.time() * 1000 - int(timestamp)) > 3_600_000:
            return _said(310000, "invalid timestamp")
        wanted = base64.b64encode(hmac.new(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(wanted, given.get("sign", "")):
            return _said(310000, "sign not match")
        if len(self.taken) >= PER_MINUTE:
            return _said(130101, "send too fast, exceed 20 times per minute")
        self.taken.append(json.loads(call.body)["text"]["content"])
        return _said(0, "ok")


@dataclass
class Feishu:
    """A bot of Feishu with 签名校验: the time and the secret are the key, and nothing is signed. The code is `code`."""

    taken: list[str] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        def said(code: int, words: str, status: int = 200) -> Reply:
            return Reply(status, json.dumps({"code": code, "data": {}, "msg": words}))

        if call.path != f"/open-apis/bot/v2/hook/{KEY}":
            return said(19001, "param invalid: incoming webhook access token invalid")
        body = json.loads(call.body)
        key = f"{body.get('timestamp')}\n{SECRET}".encode()
        if (
            abs(time.time() - int(body.get("timestamp", 0))) > 3600
            or body["sign"] != base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        ):
            return said(19021, "sign match fail or timestamp is not within one hour from current time", 400)
        if len(self.taken) >= PER_MINUTE:
            return said(11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]", 429)
        self.taken.append(body["content"]["text"])
        return said(0, "success")


def came(calls: list[Call]) -> Counter[str]:
    """Count calls by their `webhook-id`."""
    return Counter(call.headers["webhook-id"] for call in calls)
