"""A server that plays WeChat's API for mini-programs: its token, codes of people, and subscription messages, with the documented codes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from chassis.testing.quiet import Quiet

APP, SECRET, TEMPLATE = "wx0123456789abcdef", "0123456789abcdef" * 2, "TEMPLATEofnobodyatall0000"
Answer = Response | int | None


def answering(answer: Answer, after: float = 0) -> Callable[[], Answer]:
    """Return a fault that gives this answer, after some seconds; None is no fault."""

    def fault() -> Answer:
        time.sleep(after)
        return answer

    return fault


@dataclass
class WechatServer:
    """`allowed` counts the messages that each openid still allows; `codes` are what `wx.login()` gave. `fault` may answer anything else."""

    allowed: dict[str, int] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    token: str = ""
    tokens: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)
    fault: Callable[[], Answer] = lambda: None

    def open(self) -> None:
        app = Flask(__name__)
        app.add_url_rule("/cgi-bin/stable_token", view_func=self._give_token, methods=["POST"])
        app.add_url_rule("/cgi-bin/message/subscribe/send", view_func=self._send, methods=["POST"])
        app.add_url_rule("/sns/jscode2session", view_func=self._exchange)
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _give_token(self) -> Response:
        body = request.get_json()
        if (body["appid"], body["secret"], body["grant_type"]) != (APP, SECRET, "client_credential"):
            return jsonify(errcode=40125, errmsg="invalid appsecret")
        if not self.token or body["force_refresh"]:
            self.token, self.tokens = f"token-{uuid4().hex}", self.tokens + 1
        return jsonify(access_token=self.token, expires_in=7200)

    def _send(self) -> Response:
        if (fault := self.fault()) is not None:
            return fault if isinstance(fault, Response) else jsonify(errcode=fault, errmsg="…")
        body = request.get_json()
        refusals = {
            40001: request.args["access_token"] != self.token,
            40037: body["template_id"] != TEMPLATE,
            47003: set(body["data"]) != {"thing1", "time2"} or len(body["data"]["thing1"]["value"]) > 20,
            40003: body["touser"] not in self.allowed,
            43101: self.allowed.get(body["touser"], 0) < 1,
        }
        if refusal := next((code for code, is_refused in refusals.items() if is_refused), None):
            return jsonify(errcode=refusal, errmsg="…")
        self.allowed[body["touser"]] -= 1
        self.taken.append(body)
        return jsonify(errcode=0, errmsg="ok")

    def _exchange(self) -> Response:
        if (request.args["appid"], request.args["secret"], request.args["grant_type"]) != (APP, SECRET, "authorization_code"):
            return jsonify(errcode=40125, errmsg="invalid appsecret")
        openid = self.codes.pop(request.args["js_code"], None)
        return jsonify(openid=openid, session_key="…") if openid else jsonify(errcode=40029, errmsg="invalid code")
