"""The same INSERT on bare Flask: no token, no checks, no key, no event; the same server with as many threads, the same pool of
connections, the same body, the same row. `python -m bench.peers.bare <port> <by>`, with `PANTRY_DATABASE_URL`.

By `objects` the row is an object of SQLAlchemy's ORM, as it is behind a POST of ours; by `statement` it is one statement of SQL.
"""

import os
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Flask, request
from pantry.model import Withdrawal
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from chassis.http.server import serve
from chassis.settings import WebSettings

INSERT = text("INSERT INTO withdrawals (id, region, asked_by) VALUES (:id, :region, :asked_by)")


SOMEBODY = uuid7()


def by_statement(engine: Engine, region: str) -> UUID:
    made: UUID = uuid7()
    with engine.begin() as connection:
        connection.execute(INSERT, {"id": made, "region": region, "asked_by": SOMEBODY})
    return made


def by_objects(engine: Engine, region: str) -> UUID:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        made: UUID = uuid7()
        session.add(Withdrawal(id=made, region=region, asked_by=SOMEBODY))
    return made


def create(enter: Callable[[Engine, str], UUID]) -> Flask:
    app = Flask("bare")
    engine = create_engine(os.environ["PANTRY_DATABASE_URL"], pool_size=20, max_overflow=0)

    @app.post("/v1/withdrawals")
    def withdraw() -> Any:
        region = request.get_json()["region"]
        return {"id": str(enter(engine, region)), "region": region, "reason": None}, 201

    @app.get("/readyz")
    def ready() -> Any:
        return {"status": "ok"}

    return app


def main() -> None:
    port, by = int(sys.argv[1]), sys.argv[2]
    app = create({"statement": by_statement, "objects": by_objects}[by])
    serve(app, "bare", "127.0.0.1", port, WebSettings.of_environment())


if __name__ == "__main__":
    main()
