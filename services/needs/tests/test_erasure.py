"""People who were erased: their open needs and pledges end, and no text about them stays."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text, update

from chassis.data.encryption import encrypted_models
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.needs import NeedWithdrawn, PledgeWithdrawn
from contracts.users import PersonErased
from needs import actions
from needs.model import Pledge

from .conftest import VILLAGE, household_in, offer, pending, rice


def erased(account: UUID | None, household: UUID | None) -> PersonErased:
    person = account or household
    assert person
    return PersonErased(version=2, person_id=person, account_id=account, household_id=household, erased_at=datetime.now(UTC))


def hear(database: RolledBack, event: PersonErased) -> None:
    with database.begin() as session:
        actions.erase_people(session, [event])


def texts(database: RolledBack) -> list[str]:
    """Read every encrypted text of needs."""
    with database.begin() as session:
        rows = [(row, model) for model in encrypted_models("needs") for row in session.scalars(select(model.entity))]
        return [value for row, model in rows for name in model.columns if (value := getattr(row, name))]


def test_erased_household_leaves_no_reason_and_no_open_need(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    account = Person("household")
    home, other = household_in(database, VILLAGE, account), household_in(database, VILLAGE)
    for body, by in ((rice(), account), (rice(household_id=str(home), consent="slip"), village)):
        assert client.post("/v1/needs", body, by=by).status_code == 201
    published = client.post("/v1/needs", rice(), by=account).json["id"]
    assert client.post(f"/v1/needs/{published}/verification", by=town).status_code == 201
    assert client.post("/v1/needs", rice(household_id=str(other), consent="slip", reason="另一户"), by=village).status_code == 201
    for _ in range(2):
        hear(database, erased(account.id, home))
        assert texts(database) == ["另一户"]
    assert {event.need_id for event in pending(database) if isinstance(event, NeedWithdrawn)} >= {UUID(published)}
    assert client.get(f"/v1/needs/{published}", by=town).json["state"] == "withdrawn"


def test_erased_giver_leaves_no_note_and_no_open_pledge(client: Client, database: RolledBack, donor: Person) -> None:
    other = Person("donor")
    for person, note in ((donor, "门口自取，找老王"), (other, "周末可送")):
        assert client.post("/v1/pledges", offer(note=note), by=person).status_code == 201
    hear(database, erased(donor.id, None))
    assert texts(database) == ["周末可送"]
    [withdrawn] = [event for event in pending(database) if isinstance(event, PledgeWithdrawn)]
    assert withdrawn.pledger_id == donor.id
    hear(database, erased(donor.id, None))
    assert len([event for event in pending(database) if isinstance(event, PledgeWithdrawn)]) == 1


def test_texts_of_old_needs_and_pledges_are_emptied(client: Client, database: RolledBack, village: Person, donor: Person) -> None:
    homes = [household_in(database, VILLAGE) for _ in range(3)]
    needs = [
        client.post("/v1/needs", rice(household_id=str(home), consent="slip", reason=f"第{number}户"), by=village).json["id"]
        for number, home in enumerate(homes)
    ]
    for note in ("旧备注", "新备注"):
        assert client.post("/v1/pledges", offer(note=note), by=donor).status_code == 201
    for need in needs[:2]:
        assert client.post(f"/v1/needs/{need}/withdrawal", by=village).status_code == 201
    with database.begin() as session:
        session.execute(text("UPDATE needs SET ended_at = now() - interval '1096 days' WHERE id = :id"), {"id": needs[0]})
        oldest = select(Pledge.id).order_by(Pledge.id).limit(1).scalar_subquery()
        session.execute(update(Pledge).where(Pledge.id == oldest).values(valid_until=datetime.now(UTC) - timedelta(days=1096)))
    with database.begin() as session:
        actions.erase_old_texts(session)
    assert sorted(texts(database)) == sorted(["第1户", "第2户", "新备注"])
