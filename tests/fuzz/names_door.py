"""A server that plays users' door for names, so that notify's web process has somebody to ask."""

import os
import threading
from functools import cache

from flask import Flask, jsonify, request
from werkzeug.serving import make_server

from chassis.testing.quiet import Quiet


@cache
def open_names_door() -> None:
    """Open the door once in this process, and let notify find it."""
    app = Flask(__name__)

    @app.post("/internal/contacts/names")
    def look_up_names() -> object:
        return jsonify(items=[{"id": one, "name": "欧阳守田", "address": "三组 12 号"} for one in request.get_json()["ids"]], place=None)

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["USERS_URL"] = f"http://127.0.0.1:{server.server_port}"
