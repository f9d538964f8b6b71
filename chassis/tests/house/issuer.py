"""A stand-in for the service users: its tokens and public keys."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from chassis.http.auth import ISSUER


def forged(**changes: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "sub": str(uuid4()), "kind": "donor", "exp": datetime.now(UTC) + timedelta(minutes=5)} | changes


class Users:
    """A stand-in for users that serves public keys over HTTP and counts the requests."""

    def __init__(self) -> None:
        self.keys = [ECKey.generate_key("P-256", {"kid": "first"}, auto_kid=False)]
        self.asked = 0
        users = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                users.asked += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(KeySet(list(users.keys)).as_dict(private=False)).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/jwks"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def token(self) -> str:
        return jwt.encode({"alg": "ES256", "kid": str(self.keys[-1].kid)}, forged(), self.keys[-1])

    def leave(self) -> None:
        self._server.shutdown()
        self._server.server_close()
