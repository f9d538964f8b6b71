"""People who were erased: no text, photo or parcel number of their matches stays; figures and states do."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import undefer

from chassis import reseal
from chassis.data import encryption
from chassis.data.database import new_id, now
from chassis.data.encryption import Ciphertext, encrypted_models
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.users import PersonErased
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.book.model import Movement
from matching.erasure import actions

from .conftest import VILLAGE
from .test_delivery import SENDING, Promise
from .test_photos import drawn, written

TABLES = {"movements", "photos", "thanks", "disputes", "appeals"}


def tell_everything(promise: Promise, database: RolledBack) -> None:
    """Let both sides of a match write and show whatever they may."""
    for act, body, by in (("sending", SENDING, promise.giver), ("receipt", {"quantity": 9, "reason": "short"}, promise.household)):
        assert promise.does(act, body, by)[0] == 201
    for person in (promise.giver, promise.household):
        headers = promise.client._headers(person)
        shown = promise.client.flask.post(f"{promise.path}/photos", data=written(drawn()), content_type="image/jpeg", headers=headers)
        assert shown.status_code == 201, shown.json
    assert promise.client.post(f"{promise.path}/thanks", {"text": "谢谢您"}, by=promise.household).status_code == 201
    disputed = promise.client.post(f"{promise.path}/dispute", {"cause": "less_than_said", "text": "少了一袋"}, by=promise.giver)
    assert disputed.status_code == 201, disputed.json
    answer, judge = {"outcome": "dismissed", "answer": "邻居代收"}, administrator_of(database, VILLAGE[:6])
    assert promise.client.post(f"/v1/disputes/{disputed.json['id']}/answer", answer, by=judge).status_code == 201
    with database.begin() as session:
        mark = ReliabilityEvent(match_id=UUID(promise.path[-36:]), person_id=promise.giver.id, kind="no_show", good=0, bad=1, at=now())
        session.add(mark)
        session.flush()
        appeal = {"person_id": promise.giver.id, "text": "一件不少", "answer": "已核实", "lodged_at": now()}
        session.add(Appeal(mark_id=mark.id, **appeal))


def readable(database: RolledBack) -> dict[str, int]:
    """Count the values of each table that can be read."""
    found: dict[str, int] = {}
    with database.begin() as session:
        for model in encrypted_models("matching"):
            loaded = select(model.entity).options(*(undefer(getattr(model.entity, name)) for name in model.columns))
            values = [value for row in session.scalars(loaded) for name in model.columns if (value := getattr(row, name))]
            found |= {model.table.name: len(values)} if values else {}
    return found


def erased(**people: Any) -> PersonErased:
    who = {"account_id": None, "household_id": None} | people
    return PersonErased(version=2, person_id=new_id(), erased_at=datetime.now(UTC), **who)


@pytest.mark.parametrize("side", ["giver", "account", "household"])
def test_everything_told_in_matches_of_an_erased_person_goes(client: Client, database: RolledBack, side: str) -> None:
    promise, other = Promise(client, database), Promise(client, database)
    tell_everything(other, database)
    before = readable(database)
    assert before.keys() == TABLES
    tell_everything(promise, database)
    who = {
        "giver": {"account_id": promise.giver.id},
        "account": {"account_id": promise.household.id},
        "household": {"household_id": promise.need.household_id},
    }
    for _ in range(2):
        with database.begin() as session:
            actions.erase_people(session, [erased(**who[side])])
        assert readable(database) == before
    shown = client.get(f"{promise.path}/photos", by=promise.agent).json["items"]
    assert all(photo["removed_at"] for photo in shown)
    assert client.get(promise.path, by=promise.agent).json["state"] == "received"


def test_stranger_who_is_erased_takes_nothing_along(client: Client, database: RolledBack) -> None:
    tell_everything(Promise(client, database), database)
    before = readable(database)
    with database.begin() as session:
        actions.erase_people(session, [erased(account_id=Person("donor").id, household_id=new_id())])
    assert readable(database) == before


def test_texts_of_matches_closed_long_ago_go(client: Client, database: RolledBack) -> None:
    old, fresh = Promise(client, database), Promise(client, database)
    tell_everything(fresh, database)
    before = readable(database)
    tell_everything(old, database)
    closing = text("UPDATE matches SET closed_at = now() - make_interval(days => :days) WHERE id = :id")
    with database.begin() as session:
        session.execute(closing, [{"days": days, "id": one.path[-36:]} for one, days in ((old, 1096), (fresh, 1094))])
    with database.begin() as session:
        actions.erase_old_texts(session)
    assert readable(database) == before


def test_parcel_numbers_alone_of_movements_change(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    assert promise.does("sending", SENDING, promise.giver)[0] == 201
    [model] = [one for one in encrypted_models("matching") if one.table.name == "movements"]
    with database.begin() as session:
        old = Ciphertext(encryption._settings().keys[0].fernet.encrypt(SENDING["tracking_number"].encode()))
        session.execute(update(Movement).where(Movement.kind == "sent").values(tracking_number=old))
    assert reseal.rotate_model(database, model) == 1
    assert client.get(promise.path, by=promise.giver).json["delivery"]["tracking_number"] == SENDING["tracking_number"]
    for column in model.table.columns:
        with database.case():
            change = text(f"UPDATE movements SET {column.name} = {column.name}")
            allowed = nullcontext() if column.name == "tracking_number" else pytest.raises(DBAPIError, match="never changed")
            with allowed, database.begin() as session:
                session.execute(change)
