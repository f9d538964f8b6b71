"""Accepting, refusing, claiming and seeing matches."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.matching import MatchAccepted, MatchProposed, PledgeReleased
from contracts.needs import NeedPublished, PledgeOffered
from matching.intake import actions

from .conftest import VILLAGE, changed, clear, offered, published, taken_back, told


class Story:
    """A need and a pledge proposed to each other, and the people around them."""

    def __init__(self, database: RolledBack) -> None:
        self.agent = administrator_of(database, VILLAGE)
        need, pledge = published(poster_id=self.agent.id), offered(quantity=80)
        with database.begin() as session:
            actions.book_needs(session, [need])
            actions.book_pledges(session, [pledge])
        clear(database)
        self.need, self.pledge = need, pledge
        self.path = f"/v1/matches/{told(database, MatchProposed)[-1].match_id}"
        self.pledger, self.household = Person("donor"), Person("household")
        self.pledger.id = pledge.pledger_id


@pytest.fixture
def story(database: RolledBack) -> Story:
    return Story(database)


def test_the_pledger_accepts_and_it_is_told(client: Client, database: RolledBack, story: Story) -> None:
    answer = client.post(f"{story.path}/acceptance", by=story.pledger)
    assert (answer.status_code, answer.json["state"], answer.json["version"]) == (201, "accepted", 2)
    [accepted] = told(database, MatchAccepted)
    assert (accepted.quantity, accepted.chosen, accepted.poster_id) == (50, "proposal", story.agent.id)
    with database.begin() as session:
        assert session.scalar(text("SELECT barred FROM matches")) is False, "only a part of it would bar the pair"


def test_a_match_is_answered_once(client: Client, story: Story) -> None:
    client.post(f"{story.path}/acceptance", by=story.pledger)
    for act, body in (("acceptance", {}), ("refusal", {"reason": "other"})):
        answer = client.post(f"{story.path}/{act}", body, by=story.pledger)
        assert (answer.status_code, answer.json["code"]) == (409, "state_conflict")


def test_a_proposal_past_its_time_cannot_be_accepted(client: Client, database: RolledBack, story: Story) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 second'"))
    answer = client.post(f"{story.path}/acceptance", by=story.pledger)
    assert (answer.status_code, answer.json["code"]) == (409, "state_conflict")


def test_only_the_pledger_answers(client: Client, story: Story) -> None:
    assert client.post(f"{story.path}/acceptance", by=Person("donor")).status_code == 404
    assert client.post(f"{story.path}/acceptance", by=story.agent).status_code == 403
    assert client.post(f"{story.path}/acceptance").status_code == 401


def test_only_sides_and_administrators_see_a_match(client: Client, database: RolledBack, story: Story) -> None:
    county, stranger = administrator_of(database, VILLAGE[:6]), administrator_of(database, "510722")
    for person in (story.pledger, story.agent, county):
        assert client.get(story.path, by=person).status_code == 200
    assert client.get(story.path, by=stranger).status_code == 404
    assert len(client.get("/v1/matches", by=story.pledger).json["items"]) == 1
    assert client.get("/v1/matches", by=stranger).json["items"] == []
    assert len(client.get("/v1/matches/managed", by=county).json["items"]) == 1
    assert client.get("/v1/matches/managed", by=stranger).json["items"] == []


def test_the_pledger_learns_the_village_only_after_accepting(client: Client, story: Story) -> None:
    assert client.get(story.path, by=story.pledger).json["region"] == VILLAGE[:9]
    assert client.get(story.path, by=story.agent).json["region"] == VILLAGE
    client.post(f"{story.path}/acceptance", by=story.pledger)
    assert client.get(story.path, by=story.pledger).json["region"] == VILLAGE


def test_reasons_are_told_in_both_languages(client: Client, story: Story) -> None:
    chinese = [reason["text"] for reason in client.get(story.path, by=story.pledger).json["reasons"]]
    assert "可满足全部需求：50 公斤大米" in chinese
    english = client.flask.get(story.path, headers=client._headers(story.pledger) | {"Accept-Language": "en"}).json["reasons"]
    assert "covers the whole need: 50 kg of rice" in [reason["text"] for reason in english]


def test_a_proposal_shows_what_it_was_worth_and_of_which_parts(client: Client, story: Story) -> None:
    assert client.get(story.path, by=story.pledger).json["score"] is None
    score = client.get(story.path, by=story.agent).json["score"]
    assert score["value"] == sum(score["parts"].values()) > 0
    assert (score["weights_version"], score["lead"], score["parts"]["urgency"]) == (1, None, 10_000)


def claim(need: NeedPublished, pledge: PledgeOffered, quantity: int = 5) -> dict[str, Any]:
    return {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": quantity}


def test_a_pledger_claims_a_need_of_their_choice(client: Client, database: RolledBack, story: Story) -> None:
    need = published(quantity=9)
    with database.begin() as session:
        actions.book_needs(session, [need])
    answer = client.post("/v1/claims", claim(need, story.pledge), by=story.pledger)
    assert (answer.status_code, answer.json["state"], answer.json["quantity"]) == (201, "accepted", 5)
    assert answer.headers["Location"] == f"/v1/matches/{answer.json['id']}"
    assert answer.json["score"] is None
    assert told(database, MatchAccepted)[-1].chosen == "claim"


def test_a_claim_beyond_what_is_left_is_refused(client: Client, database: RolledBack, story: Story) -> None:
    need = published(quantity=100)
    with database.begin() as session:
        actions.book_needs(session, [need])
    answer = client.post("/v1/claims", claim(need, story.pledge, 31), by=story.pledger)
    assert (answer.status_code, answer.json["code"]) == (409, "not_enough")
    assert client.post("/v1/claims", claim(story.need, story.pledge), by=story.pledger).json["code"] == "not_enough"


def test_a_claim_that_does_not_fit_is_refused(client: Client, database: RolledBack, story: Story) -> None:
    for need in (published(category="food.oil", unit="l"), published(region="510722001001")):
        with database.begin() as session:
            actions.book_needs(session, [need])
        assert client.post("/v1/claims", claim(need, story.pledge), by=story.pledger).json["code"] == "does_not_fit"


def test_somebody_else_s_pledge_cannot_be_claimed_from(client: Client, story: Story) -> None:
    assert client.post("/v1/claims", claim(story.need, story.pledge), by=Person("donor")).json["code"] == "unknown_pledge"
    assert client.post("/v1/claims", claim(published(new_id()), story.pledge), by=story.pledger).json["code"] == "unknown_need"


def test_refusal_reason_is_hidden_from_the_household(client: Client, database: RolledBack, story: Story) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET account_id = :id"), {"id": story.household.id})
    client.post(f"{story.path}/refusal", {"reason": "changed_my_mind"}, by=story.pledger)
    assert client.get(story.path, by=story.household).json["ended_because"] is None
    assert client.get(story.path, by=story.pledger).json["ended_because"] == "changed_my_mind"


def test_poster_without_the_region_no_longer_sees_the_match(client: Client, database: RolledBack, story: Story) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now()"))
    assert client.get(story.path, by=story.agent).status_code == 404
    assert client.get("/v1/matches", by=story.agent).json["items"] == []


@pytest.mark.parametrize("version", [2, 3])
def test_an_older_event_of_a_pledge_changes_nothing(database: RolledBack, version: int) -> None:
    pledge = offered(quantity=100)
    with database.begin() as session:
        actions.book_pledges(session, [pledge])
        actions.change_pledge(session, changed(pledge, version=3, quantity=40))
    with database.begin() as session:
        actions.change_pledge(session, changed(pledge, version=version, quantity=70))
        actions.withdraw_pledge(session, taken_back(pledge, version=version))
        assert session.execute(text("SELECT version, quantity, rest, ended FROM pledges")).one() == (3, 40, 40, False)
    assert [event.answers for event in told(database, PledgeReleased)] == [3]
