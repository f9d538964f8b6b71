"""WeChat of the sandbox: its API for mini-programs, in which everybody has allowed every message."""

import hashlib
import hmac
from typing import Any

from flask import Flask, Response, jsonify, request

from deploy.local.receivers import Arrivals, Arrived
from notify.settings import WechatSettings

LASTS_SECONDS = 7200


class MiniProgram:
    """One mini-program's account. Any code links whoever shows it. Raises `ValueError` for an account that is not on this machine."""

    def __init__(self, settings: WechatSettings, arrivals: Arrivals) -> None:
        if not settings.endpoint.startswith("http://"):
            raise ValueError("the sandbox plays WeChat on this machine alone")
        self._settings, self._arrivals = settings, arrivals
        self._token = hmac.digest(settings.app_secret.encode(), b"token", "sha256").hex()

    def install(self, app: Flask) -> None:
        """Add the paths of the API."""
        app.add_url_rule("/cgi-bin/stable_token", "token", self._give_token, methods=["POST"])
        app.add_url_rule("/cgi-bin/message/subscribe/send", "subscribe_send", self._send, methods=["POST"])
        app.add_url_rule("/sns/jscode2session", "exchange", self._exchange)

    def _is_ours(self, said: Any) -> bool:
        given = (said.get("appid"), said.get("secret")) if hasattr(said, "get") else None
        return given == (self._settings.app_id, self._settings.app_secret)

    def _give_token(self) -> Response:
        if not self._is_ours(request.get_json(silent=True)):
            return jsonify(errcode=40125, errmsg="invalid appsecret")
        return jsonify(access_token=self._token, expires_in=LASTS_SECONDS)

    def _send(self) -> Response:
        if request.args.get("access_token") != self._token:
            return jsonify(errcode=40001, errmsg="invalid credential")
        said: Any = request.get_json(silent=True)
        try:
            words = {name: str(one["value"]) for name, one in said["data"].items()}
            to, template = str(said["touser"]), said["template_id"]
        except (AttributeError, KeyError, TypeError):
            return jsonify(errcode=47003, errmsg="argument invalid")
        if template != self._settings.template_id or words.keys() != self._settings.fields.keys():
            return jsonify(errcode=40037 if words.keys() == self._settings.fields.keys() else 47003, errmsg="…")
        title, *others = (words[name] for name in self._settings.fields)
        self._arrivals.add(Arrived("wechat", to, title, "\n".join(others), ""))
        return jsonify(errcode=0, errmsg="ok")

    def _exchange(self) -> Response:
        if not self._is_ours(request.args):
            return jsonify(errcode=40125, errmsg="invalid appsecret")
        code = request.args.get("js_code", "")
        return jsonify(openid=f"o{hashlib.sha256(code.encode()).hexdigest()[:27]}", session_key="…")
