"""Republished events equal those published live."""

from uuid import UUID

from chassis.testing.fixtures import Client, Person, RolledBack, assert_retold
from contracts.needs import NeedPublished, PledgeChanged, PledgeOffered, PledgeWithdrawn
from needs.snapshots import SNAPSHOTS

from .conftest import offer, rice


def test_needs_in_every_state_are_republished(client: Client, database: RolledBack, village: Person, town: Person, household: UUID) -> None:
    wanted = rice(household_id=str(household), consent="slip")
    _, published, closed, rejected, withdrawn, early = (
        f"/v1/needs/{client.post('/v1/needs', wanted, by=village).json['id']}" for _ in range(6)
    )
    for need in (published, closed, withdrawn):
        assert client.post(f"{need}/verification", by=town).status_code == 201
    assert client.post(f"{closed}/closing", {"reason": "other"}, by=town).status_code == 201
    assert client.post(f"{rejected}/rejection", {"reason": "absurd"}, by=town).status_code == 201
    for need in (withdrawn, early):
        assert client.post(f"{need}/withdrawal", by=village).status_code == 201
    republished = assert_retold(database, SNAPSHOTS)
    assert len(republished) == 8
    assert [type(event) for event in republished[-3:]] == [NeedPublished] * 3, "endings come first"


def test_pledges_are_republished_with_their_present_figures(client: Client, database: RolledBack, donor: Person) -> None:
    untouched, changed, withdrawn = (f"/v1/pledges/{client.post('/v1/pledges', offer(), by=donor).json['id']}" for _ in range(3))
    assert client.patch(changed, {"region": "51"}, by=donor).status_code == 202
    assert client.post(f"{withdrawn}/withdrawal", by=donor).status_code == 202
    republished = assert_retold(database, SNAPSHOTS, restated=[PledgeOffered])
    assert [type(event) for event in republished] == [PledgeWithdrawn, PledgeChanged, PledgeOffered, PledgeOffered, PledgeOffered]
    assert {f"/v1/pledges/{event.subject}": (event.version, event.region) for event in republished if isinstance(event, PledgeOffered)} == {
        untouched: (1, "5109"), changed: (1, "51"), withdrawn: (1, "5109"),
    }  # fmt: skip
