"""The household's side declines a proposal or a promise before anything is sent."""

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.matching import MatchDeclined, MatchProposed
from matching.intake import actions

from .conftest import VILLAGE, clear, offered, published, told
from .test_audit import offending
from .test_delivery import SENDING, Promise

DECLINE = {"reason": "met_elsewhere"}


class Proposal(Promise):
    """50 kg of rice, needed in a village, proposed out of a pledge of 80, and not answered yet."""

    def __init__(self, client: Client, database: RolledBack) -> None:
        self.client, self.database = client, database
        self.agent, self.stranger = administrator_of(database, VILLAGE), administrator_of(database, "510722")
        self.giver, self.household = Person("donor"), Person("household")
        self.need = published(poster_id=self.agent.id, account_id=self.household.id)
        self.pledge = offered(pledger_id=self.giver.id, quantity=80)
        with database.begin() as session:
            actions.book_needs(session, [self.need])
            actions.book_pledges(session, [self.pledge])
        clear(database)
        self.path = f"/v1/matches/{told(database, MatchProposed)[-1].match_id}"


@pytest.fixture
def proposal(client: Client, database: RolledBack) -> Proposal:
    return Proposal(client, database)


@pytest.fixture
def promise(client: Client, database: RolledBack) -> Promise:
    return Promise(client, database, quantity=40)


@pytest.mark.parametrize("who", ["household", "agent"])
def test_declined_proposal_frees_both_sides_for_others(proposal: Proposal, database: RolledBack, who: str) -> None:
    assert proposal.does("decline", DECLINE, getattr(proposal, who)) == (201, "declined")
    assert proposal.rests() == (50, 80)
    assert clear(database) == 0
    [declined] = told(database, MatchDeclined)
    assert (declined.reason, declined.was_accepted, declined.quantity) == ("met_elsewhere", False, 50)
    assert offending(database) == {}


def test_declined_promise_returns_whole_before_sending(promise: Promise, database: RolledBack) -> None:
    assert promise.does("decline", DECLINE, promise.household) == (201, "declined")
    assert promise.rests() == (50, 80)
    assert promise.delivery()["returned"] == 40
    assert promise.client.get(promise.path, by=promise.giver).json["quantity"] == 40
    [declined] = told(database, MatchDeclined)
    assert (declined.was_accepted, declined.quantity, declined.version) == (True, 40, 3)
    with database.begin() as session:
        actions.book_pledges(session, [offered(quantity=100)])
    assert clear(database) == 1


def test_pledger_sees_the_reason_of_the_decline(proposal: Proposal) -> None:
    proposal.does("decline", DECLINE, proposal.agent)
    assert proposal.client.get(proposal.path, by=proposal.giver).json["ended_because"] == "met_elsewhere"


def test_sent_match_cannot_be_declined(promise: Promise) -> None:
    promise.does("sending", SENDING, promise.giver)
    assert promise.does("decline", DECLINE, promise.household) == (409, "state_conflict")


def test_declined_match_allows_no_further_act(proposal: Proposal) -> None:
    assert proposal.does("decline", DECLINE, proposal.household) == (201, "declined")
    assert proposal.does("decline", DECLINE, proposal.agent) == (409, "state_conflict")
    assert proposal.does("acceptance", {}, proposal.giver) == (409, "state_conflict")
    assert proposal.does("refusal", {"reason": "other"}, proposal.giver) == (409, "state_conflict")


def test_pledgers_and_strangers_cannot_decline(proposal: Proposal) -> None:
    assert proposal.does("decline", DECLINE, proposal.giver) == (403, "not_allowed")
    assert proposal.does("decline", DECLINE, proposal.stranger) == (404, "not_found")
    assert proposal.does("decline", DECLINE, Person("household")) == (404, "not_found")
    assert proposal.does("decline", {"reason": "too_far"}, proposal.household) == (422, "invalid")


def test_a_proposal_whose_time_is_over_cannot_be_declined(proposal: Proposal, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 second'"))
    assert proposal.does("decline", DECLINE, proposal.household) == (409, "state_conflict")


def test_declined_promise_is_no_help_for_its_village(promise: Promise, database: RolledBack) -> None:
    other = published()
    with database.begin() as session:
        actions.book_needs(session, [other])
    chosen = {"need_id": str(other.need_id), "pledge_id": str(promise.pledge.pledge_id)}

    def helped() -> int:
        return int(promise.client.get("/v1/claims/suggestions", by=promise.giver, **chosen).json["helped"])

    assert helped() == 1
    promise.does("decline", DECLINE, promise.household)
    assert helped() == 0
