"""The same INSERT on bare Flask: no token, no checks, no key, no event; the same server with as many threads, the same pool of
connections, the same body. `python -m bench.peers.bare <port> <threads>`, with `PANTRY_DATABASE_URL`."""

import os
import sys
from typing import Any

from flask import Flask, request
from granian import Granian
from granian.constants import Interfaces
from sqlalchemy import create_engine, text
from uuid_utils.compat import uuid7

INSERT = text("INSERT INTO withdrawals (id, region, asked_by) VALUES (:id, :region, :asked_by)")


def create() -> Flask:
    app = Flask("bare")
    engine = create_engine(os.environ["PANTRY_DATABASE_URL"], pool_size=20, max_overflow=0)
    somebody = uuid7()

    @app.post("/v1/withdrawals")
    def withdraw() -> Any:
        wanted = request.get_json()
        row = {"id": uuid7(), "region": wanted["region"], "asked_by": somebody}
        with engine.begin() as connection:
            connection.execute(INSERT, row)
        return {"id": str(row["id"]), "region": row["region"], "reason": None}, 201

    @app.get("/readyz")
    def ready() -> Any:
        return {"status": "ok"}

    return app


def main() -> None:
    port, threads = map(int, sys.argv[1:])
    options: dict[str, Any] = {"blocking_threads": threads, "backpressure": threads, "websockets": False, "log_enabled": False}
    Granian("bench.peers.bare:create", factory=True, address="127.0.0.1", port=port, interface=Interfaces.WSGI, **options).serve()


if __name__ == "__main__":
    main()
