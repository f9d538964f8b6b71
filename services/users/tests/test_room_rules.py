"""Rules of the rooms, without a database: who may do what in which state, and the bounds of days and numbers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.imports import rules as import_rules
from chassis.problems import Problem
from contracts.generate import example_of
from contracts.matching import MatchAccepted, MatchClosed, MatchDeclined, MatchReceived, MatchSent
from users.accounts.model import Account
from users.consents import rules as consents
from users.consents.model import Consent
from users.erasure import rules as erasure
from users.finding import rules as finding
from users.handovers import rules as handovers
from users.handovers.model import Handover
from users.households import rules as households
from users.households.model import Household, Member, Transfer
from users.imports import rules as imports
from users.imports.model import Import, ImportMapping
from users.institutions import rules as institutions
from users.institutions.model import Institution
from users.members import rules as members
from users.monitoring import rules as monitoring
from users.monitoring.model import Label
from users.places import rules as places
from users.places.model import Place
from users.reveals import rules as reveals
from users.self_reports import rules as self_reports
from users.self_reports.model import SelfReport
from users.transfers import rules as transfers
from users.visits import rules as visits

from .conftest import VILLAGE
from .test_rules import caller

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
TOWN, COUNTY, ELSEWHERE = VILLAGE[:9], VILLAGE[:6], "510903002"
OTHER_VILLAGE = VILLAGE[:9] + "002"
ME = new_id()
DAY = timedelta(days=1)


def said(problem: Problem | None) -> str | None:
    """The code of a problem, with the state that its words name."""
    return None if problem is None else ":".join(str(part) for part in (problem.code, problem.details.get("state")) if part)


def auditor(region: str) -> Caller:
    made = caller()
    vars(made)["audited_regions"] = [region]
    return made


CHANGE, CONFIRM, REFUSE = places.ACTS


@pytest.mark.parametrize(
    ("managed", "state", "by", "stands", "found"),
    [
        (VILLAGE, {}, None, True, {CHANGE: None, CONFIRM: "not_allowed", REFUSE: "state_conflict:open"}),
        (TOWN, {}, None, True, {CHANGE: None, CONFIRM: "state_conflict:open", REFUSE: "state_conflict:open"}),
        (OTHER_VILLAGE, {}, None, True, dict.fromkeys(places.ACTS, "not_allowed")),
        (ELSEWHERE, {}, None, True, dict.fromkeys(places.ACTS, "not_allowed")),
        (VILLAGE, {"proposal_id": new_id()}, ME, True, {CHANGE: None, CONFIRM: "not_allowed", REFUSE: None}),
        (TOWN, {"proposal_id": new_id()}, None, True, {CHANGE: None, CONFIRM: None, REFUSE: None}),
        (TOWN, {"proposal_id": new_id()}, ME, True, {CHANGE: None, CONFIRM: "own_proposal", REFUSE: None}),
        (TOWN, {"proposal_id": new_id()}, None, False, {CHANGE: None, CONFIRM: "proposer_left", REFUSE: None}),
        (TOWN, {"proposal_id": new_id()}, ME, False, {CHANGE: None, CONFIRM: "own_proposal", REFUSE: None}),
        (
            COUNTY,
            {"proposal_id": new_id(), "published_version": None, "state": "waiting"},
            None,
            True,
            {CHANGE: "state_conflict:waiting", CONFIRM: None, REFUSE: None},
        ),
    ],
)
def test_place_is_confirmed_by_others_above_it(
    managed: str, state: dict[str, Any], by: UUID | None, stands: bool, found: dict[str, str | None]
) -> None:
    place = Place(
        **{"region": VILLAGE, "state": "open", "published_version": 1, "proposed_by": by or new_id(), "proposal_id": None} | state
    )
    who = caller(managed, person=ME)
    assert {act: said(places.find_place_problem(act, who, place, proposer_stands=stands)) for act in places.ACTS} == found
    assert places.acts_on_place(who, place, proposer_stands=stands) == [act for act in places.ACTS if found[act] is None]


def test_place_is_confirmed_one_level_above() -> None:
    assert [places.region_above(region) for region in (VILLAGE, TOWN, COUNTY)] == [TOWN, COUNTY, VILLAGE[:4]]
    assert places.LEVELS == (6, 9, 12)
    assert set(places.ROUTE) == {"name", "address", "telephone", "hours", "state"}
    assert set(places.CONFIRMED) == {"name", "address", "telephone"}


@pytest.mark.parametrize(
    ("who", "way", "found"),
    [
        (caller(person=ME), "signed_in", None),
        (caller(person=ME), "slip", "not_allowed"),
        (caller(VILLAGE, person=ME), "slip", "not_allowed"),
        (caller(VILLAGE), "signed_in", "not_allowed"),
        (caller(VILLAGE), "slip", None),
        (caller(TOWN), "sms", None),
        (caller(ELSEWHERE), "slip", "outside_region"),
        (caller(ELSEWHERE), "signed_in", "outside_region"),
        (auditor(VILLAGE), "slip", "outside_region"),
    ],
)
def test_household_alone_consents_in_its_account(who: Caller, way: str, found: str | None) -> None:
    household = Household(region=VILLAGE, account_id=ME)
    assert said(consents.find_recording_problem(who, household, way)) == found


@pytest.mark.parametrize(
    ("who", "found"), [(caller(person=ME), None), (caller(TOWN), None), (caller(ELSEWHERE), "not_allowed"), (auditor(""), "not_allowed")]
)
def test_consent_is_withdrawn_once_by_its_household_or_village(who: Caller, found: str | None) -> None:
    consent = Consent(household=Household(region=VILLAGE, account_id=ME))
    assert said(consents.find_withdrawal_problem(who, consent)) == found
    assert consents.acts_on_consent(who, consent) == ([] if found else ["withdraw_consent"])
    consent.withdrawn_at = NOW
    assert said(consents.find_withdrawal_problem(who, consent)) == (found or "state_conflict:withdrawn")
    assert consents.acts_on_consent(who, consent) == []


def test_door_shuts_when_its_match_is_over() -> None:
    assert handovers.find_step(replace(example_of(MatchAccepted), accepted_at=NOW)) == ("accepted", NOW + 180 * DAY)
    assert handovers.find_step(replace(example_of(MatchSent), sent_at=NOW)) == ("sent", NOW + 90 * DAY)
    assert handovers.find_step(replace(example_of(MatchReceived), received_at=NOW)) == ("received", NOW + 28 * DAY)
    assert handovers.find_step(replace(example_of(MatchClosed), closed_at=NOW)) == ("ended", NOW)
    declined = replace(example_of(MatchDeclined), declined_at=NOW)
    assert handovers.find_step(replace(declined, was_accepted=True)) == ("ended", NOW)
    assert handovers.find_step(replace(declined, was_accepted=False)) is None
    assert handovers.UNDER_WAY == ("accepted", "sent")


@pytest.mark.parametrize(
    ("stated", "disputed", "shuts_at"),
    [
        ({}, False, NOW + 3 * DAY),
        ({"dispute_version": 1}, True, NOW + 7 * DAY),
        ({"dispute_version": 1, "shuts_at": NOW + 9 * DAY}, True, NOW + 9 * DAY),
        ({"dispute_version": 1, "step": "ended"}, False, NOW + 3 * DAY),
        ({"dispute_version": 2, "dispute_settled_at": NOW}, False, NOW + 7 * DAY),
        ({"dispute_version": 2, "dispute_settled_at": NOW - 5 * DAY}, False, NOW + 3 * DAY),
    ],
)
def test_door_stays_open_while_its_match_is_disputed(stated: dict[str, Any], disputed: bool, shuts_at: datetime) -> None:
    handover = Handover(**{"step": "sent", "shuts_at": NOW + 3 * DAY, "dispute_version": 0, "dispute_settled_at": None} | stated)
    assert handovers.is_disputed(handover) is disputed
    assert handovers.find_shutting(handover, NOW) == shuts_at


GIVER = new_id()


@pytest.mark.parametrize(
    ("who", "household", "side"),
    [
        (caller(person=GIVER), None, "giver"),
        (caller(VILLAGE, person=GIVER), None, "giver"),
        (caller(person=ME), None, "household"),
        (caller(person=ME), Household(region=VILLAGE, account_id=new_id()), None),
        (caller(person=ME), Household(region=VILLAGE, account_id=ME), "household"),
        (caller(VILLAGE), None, "household"),
        (caller(OTHER_VILLAGE), None, None),
        (caller(OTHER_VILLAGE), Household(region=OTHER_VILLAGE), "household"),
        (caller(VILLAGE), Household(region=OTHER_VILLAGE), None),
        (caller(VILLAGE), Household(region=OTHER_VILLAGE, ended_at=NOW), "household"),
        (caller(OTHER_VILLAGE), Household(region=OTHER_VILLAGE, ended_at=NOW), None),
        (caller(), None, None),
    ],
)
def test_side_of_a_hand_over_follows_the_household(who: Caller, household: Household | None, side: str | None) -> None:
    handover = Handover(region=VILLAGE, account_id=ME, pledger_id=GIVER)
    assert handovers.find_side(who, handover, household) == side


LINK, MOVE, REVEAL = "link_household_account", "move_household", "reveal_household"
WHOLE = ("edit_household", "change_head", "add_member", "enter_household_label", "end_household", LINK)


@pytest.mark.parametrize(
    ("who", "view", "acts"),
    [
        (caller(VILLAGE), "village", {*WHOLE}),
        (caller(VILLAGE, TOWN), "village", {*WHOLE, MOVE}),
        (caller(TOWN), "region", {*WHOLE, MOVE, REVEAL}),
        (caller(""), "region", {*WHOLE, MOVE, REVEAL}),
        (caller(ELSEWHERE), "region", set()),
        (auditor(VILLAGE), "region", set()),
        (caller(person=ME), "region", set()),
    ],
)
def test_view_and_acts_of_a_household_follow_the_region(who: Caller, view: str, acts: set[str]) -> None:
    household = Household(region=VILLAGE)
    assert households.view_of(who, household) == view
    assert households.acts_on_household(who, household) == [act for act in (*WHOLE, MOVE, REVEAL) if act in acts]
    for act in {*WHOLE, MOVE, REVEAL} - acts:
        assert said(households.find_household_problem(act, who, household)) == "not_allowed"


def test_own_household_is_seen_whole_and_not_managed() -> None:
    own = Household(region=VILLAGE, account_id=ME)
    assert households.view_of(caller(person=ME), own) == "own"
    assert households.acts_on_household(caller(person=ME), own) == []
    assert said(households.find_household_problem(REVEAL, caller(TOWN, person=ME), own)) == "not_allowed"


def test_linked_or_ended_household_is_not_linked() -> None:
    linked = Household(region=VILLAGE, account_id=new_id())
    assert said(households.find_household_problem(LINK, caller(TOWN), linked)) == "state_conflict:linked"
    assert households.acts_on_household(caller(VILLAGE), linked) == [act for act in WHOLE if act != LINK]
    ended = Household(region=VILLAGE, ended_at=NOW)
    assert {said(households.find_household_problem(act, caller(TOWN), ended)) for act in (*WHOLE, MOVE)} == {"state_conflict:ended"}
    assert households.acts_on_household(caller(TOWN), ended) == [REVEAL]
    assert said(households.find_household_problem(MOVE, caller(VILLAGE), ended)) == "not_allowed"


@pytest.mark.parametrize(
    ("act", "more", "kind"),
    [
        *((act, {}, "registered") for act in ("register_household", "import_households", "prove_registration", "close_claim", LINK)),
        ("edit_household", {}, "changed"),
        ("change_head", {}, "changed"),
        (MOVE, {"has_moved": True}, "moved"),
        ("register_household", {"has_moved": True}, "moved"),
        ("end_household", {"has_ended": True}, "ended"),
        ("end_household", {"has_ended": True, "has_moved": True}, "ended"),
    ],
)
def test_event_of_a_household_follows_its_act(act: str, more: dict[str, bool], kind: str) -> None:
    assert households.event_of_act(act, **{"has_moved": False, "has_ended": False} | more) == kind


@pytest.mark.parametrize(
    ("phone", "kind", "is_landline", "is_right"),
    [
        (None, None, False, True),
        ("13800000000", None, False, True),
        (None, "none", False, True),
        (None, "own", False, False),
        (None, "landline", True, False),
        ("13800000000", "none", False, False),
        ("13800000000", "own", False, True),
        ("13800000000", "landline", False, False),
        ("0825-2661234", "landline", True, True),
        ("0825-2661234", "own", True, False),
        ("0825-2661234", "none", True, False),
    ],
)
def test_kind_of_a_telephone_fits_its_number(phone: str | None, kind: str | None, is_landline: bool, is_right: bool) -> None:
    found = said(households.find_phone_kind_problem(phone, kind, is_landline=is_landline))
    assert found == (None if is_right else "phone_kind_wrong")


def test_telephone_is_shared_from_two_households_on() -> None:
    shared = {(kind, number) for kind in (None, "own", "relative", "landline") for number in (1, 2) if households.is_shared(kind, number)}
    assert shared == {(None, 2), ("own", 2)}


@pytest.mark.parametrize(
    ("stated", "known", "size"),
    [(None, 0, None), (0, 0, None), (3, 0, 3), (None, 2, 3), (2, 4, 5), (5, 4, 5), (6, 4, 6), (0, 1, 2), (1, 0, 1)],
)
def test_size_counts_the_head_and_known_members(stated: int | None, known: int, size: int | None) -> None:
    assert households.shown_size(stated, known) == size
    assert households.published_size(stated, known) == size


def test_published_size_has_a_bound() -> None:
    assert [households.published_size(stated, 120) for stated in (None, 50, 200)] == [100, 100, 100]


def test_size_no_longer_counts_those_who_left() -> None:
    assert [households.size_without(*case) for case in ((None, 1), (5, 2), (2, 2), (3, 9))] == [None, 3, 1, 1]


@pytest.mark.parametrize(
    ("into", "ended", "twice", "is_same", "size"),
    [
        (3, 2, 0, False, 5), (3, 2, 1, False, 4), (3, 2, 2, False, 3), (3, 2, 9, False, 3), (3, 2, 1, True, 3), (3, 5, 1, True, 5),
        (None, 2, 0, False, None), (3, None, 0, False, None),
    ],
)  # fmt: skip
def test_size_of_two_households_that_are_one(into: int | None, ended: int | None, twice: int, is_same: bool, size: int | None) -> None:
    assert households.size_together(into, ended, twice, is_same=is_same) == size


@pytest.mark.parametrize(
    ("state", "visit", "decision"),
    [
        ("waiting", None, "state_conflict:waiting"),
        ("open", None, "state_conflict:open"),
        ("visited", "state_conflict:visited", None),
        ("accepted", "state_conflict:accepted", "state_conflict:accepted"),
    ],
)
def test_self_report_is_visited_then_decided(state: str, visit: str | None, decision: str | None) -> None:
    report = SelfReport(region=VILLAGE, state=state)
    for who in (caller(VILLAGE), caller(COUNTY)):
        assert said(self_reports.find_visit_problem(who, report)) == visit
        assert said(self_reports.find_decision_problem(who, report)) == decision
        masked = None if VILLAGE not in who.regions else "not_allowed"
        assert said(self_reports.find_reveal_problem(who, report)) == masked
        acts = {"visit_self_report": visit, "decide_self_report": decision, "reveal_self_report": masked}
        assert self_reports.acts_on_self_report(who, report) == [act for act, problem in acts.items() if problem is None]
    for who in (caller(OTHER_VILLAGE), auditor(VILLAGE)):
        for rule in (self_reports.find_visit_problem, self_reports.find_decision_problem, self_reports.find_reveal_problem):
            assert said(rule(who, report)) == "not_allowed"
        assert self_reports.acts_on_self_report(who, report) == []


@pytest.mark.parametrize(
    ("who", "state", "seen", "revealed", "region"),
    [
        (caller(person=ME), "active", None, "not_allowed", ""),
        (caller(TOWN, person=ME), "active", None, "not_allowed", VILLAGE),
        (caller(person=ME), "erased", "not_found", "not_found", ""),
        (caller(person=ME), "closed", None, "not_allowed", ""),
        (caller(VILLAGE), "active", None, None, VILLAGE),
        (caller(COUNTY), "active", None, None, VILLAGE),
        (caller("44"), "active", None, None, "440106"),
        (auditor(TOWN), "active", None, "not_allowed", VILLAGE),
        (caller(OTHER_VILLAGE), "active", "not_found", "not_found", ""),
        (caller(VILLAGE), "closed", "not_found", "not_found", VILLAGE),
        (caller(VILLAGE), "erased", "not_found", "not_found", VILLAGE),
    ],
)
def test_account_is_shown_where_it_belongs_and_whole_to_managers(
    who: Caller, state: str, seen: str | None, revealed: str | None, region: str
) -> None:
    account, regions = Account(id=ME, state=state), ["440106", VILLAGE]
    assert said(reveals.find_account_problem(who, account, regions)) == seen
    assert said(reveals.find_reveal_problem(who, account, regions)) == revealed
    assert reveals.acts_on_account(who, account, regions) == ([] if revealed else ["reveal_account"])
    assert reveals.region_of_look(who, regions) == region
    assert reveals.region_of_look(caller(""), ["51", "440106"]) == "440106"


@pytest.mark.parametrize(
    ("state", "visit_by", "decide_by", "overdue"),
    [
        ("open", NOW, NOW + DAY, "visit"),
        ("open", NOW + timedelta(microseconds=1), NOW + DAY, None),
        ("open", NOW + DAY, NOW, "decision"),
        ("open", NOW, NOW, "visit"),
        ("open", None, None, None),
        ("waiting", NOW, NOW, None),
        ("visited", NOW, NOW, "decision"),
        ("visited", NOW, NOW + timedelta(microseconds=1), None),
        ("accepted", NOW, NOW, None),
    ],
)
def test_visit_is_overdue_before_the_decision(
    state: str, visit_by: datetime | None, decide_by: datetime | None, overdue: str | None
) -> None:
    report = SelfReport(region=VILLAGE, state=state, visit_by=visit_by, decide_by=decide_by)
    assert self_reports.find_overdue(report, NOW) == overdue


def test_only_the_village_reads_a_self_report_whole() -> None:
    report = SelfReport(region=VILLAGE, state="open")
    assert [self_reports.is_shown_whole(who, report) for who in (caller(VILLAGE), caller(TOWN), auditor(VILLAGE))] == [True, False, False]
    assert (self_reports.VISIT_DAYS, self_reports.DECISION_DAYS, self_reports.A_DAY) == (2, 20, 20)


@pytest.mark.parametrize(
    ("born", "today", "minor"),
    [
        (date(2008, 3, 1), date(2026, 2, 28), True),
        (date(2008, 3, 1), date(2026, 3, 1), False),
        (date(2008, 3, 2), date(2026, 3, 1), True),
        (date(2008, 2, 29), date(2026, 2, 28), True),
        (date(2008, 2, 29), date(2026, 3, 1), False),
        (date(2009, 1, 1), date(2026, 12, 31), True),
        (date(2007, 12, 31), date(2026, 1, 1), False),
        (None, date(2026, 3, 1), False),
    ],
)
def test_minor_is_of_age_on_the_18th_birthday(born: date | None, today: date, minor: bool) -> None:
    assert members.is_minor(born, today) is minor
    for consent, problem in ((None, "guardian_consent_needed" if minor else None), ("slip", None)):
        stated = {"born": born.isoformat() if born else None, "guardian_consent": consent}
        assert said(members.find_consent_problem(stated, today)) == problem


def test_number_says_more_than_what_was_stated() -> None:
    number = "510922201203120038"
    assert members.find_birth(number, "1980-01-01") == date(2012, 3, 12)
    assert (members.find_birth(None, "1980-01-01"), members.find_birth(None, None)) == (date(1980, 1, 1), None)
    assert (members.find_sex(number, "female"), members.find_sex(None, "female"), members.find_sex(None, None)) == ("male", "female", None)
    assert said(members.find_consent_problem({"national_id": number, "born": "1980-01-01"}, date(2026, 3, 1))) == "guardian_consent_needed"


@pytest.mark.parametrize(
    ("managed", "ended_at", "left_at", "found"),
    [
        (VILLAGE, None, None, None),
        (TOWN, None, None, None),
        (OTHER_VILLAGE, None, None, "not_allowed"),
        (VILLAGE, NOW, None, "state_conflict:ended"),
        (VILLAGE, None, NOW, "state_conflict:left"),
        (VILLAGE, NOW, NOW, "state_conflict:ended"),
    ],
)
def test_member_changes_while_it_belongs_to_the_household(
    managed: str, ended_at: datetime | None, left_at: datetime | None, found: str | None
) -> None:
    household, member = Household(region=VILLAGE, ended_at=ended_at), Member(left_at=left_at)
    assert said(members.find_member_problem(caller(managed), household, member)) == found
    assert members.acts_on_member(caller(managed), household, member) == ([] if found else ["edit_member", "remove_member"])


@pytest.mark.parametrize(
    ("who", "region", "found"),
    [
        (caller(TOWN), TOWN, None),
        (caller(VILLAGE), TOWN, None),
        (caller(COUNTY), VILLAGE, None),
        (auditor(COUNTY), TOWN, None),
        (caller(OTHER_VILLAGE), VILLAGE, "outside_region"),
        (caller(ELSEWHERE), TOWN, "outside_region"),
        (caller(), TOWN, "outside_region"),
        (caller(COUNTY), COUNTY, "invalid"),
        (caller(""), "", "invalid"),
    ],
)
def test_names_are_searched_in_a_township_of_ones_own(who: Caller, region: str, found: str | None) -> None:
    problem = finding.find_search_problem(who, region)
    assert said(problem) == found
    if problem and found == "invalid":
        assert problem.errors == [{"pointer": "#/region", "code": "region_too_wide"}]


@pytest.mark.parametrize(
    ("who", "state", "found"),
    [
        (caller(VILLAGE), "waiting", None),
        (caller(COUNTY), "waiting", None),
        (caller(VILLAGE), "refused", "state_conflict:refused"),
        (caller(OTHER_VILLAGE), "waiting", "not_allowed"),
        (auditor(VILLAGE), "waiting", "not_allowed"),
    ],
)
def test_place_of_the_person_decides_a_transfer_once(who: Caller, state: str, found: str | None) -> None:
    transfer = Transfer(region=VILLAGE, state=state)
    assert said(transfers.find_transfer_problem(who, transfer)) == found
    assert transfers.acts_on_transfer(who, transfer) == ([] if found else ["accept_household_transfer", "refuse_household_transfer"])


@pytest.mark.parametrize(
    ("label", "acts"),
    [
        (Label(), ["remove_household_risk", "exit_household_label"]),
        (Label(risk_removed_on=NOW.date()), ["exit_household_label"]),
        (Label(risk_removed_on=NOW.date(), exited_on=NOW.date()), []),
    ],
)
def test_label_goes_from_monitored_to_exited(label: Label, acts: list[str]) -> None:
    household = Household(region=VILLAGE)
    assert monitoring.acts_on_label(caller(TOWN), household, label) == acts
    assert monitoring.acts_on_label(caller(OTHER_VILLAGE), household, label) == []
    for act in {*monitoring.BEFORE} - {*acts}:
        assert said(monitoring.find_label_problem(act, caller(VILLAGE), household, label)) == f"state_conflict:{label.state}"
    for act in monitoring.BEFORE:
        assert said(monitoring.find_label_problem(act, auditor(VILLAGE), household, label)) == "not_allowed"
    household.ended_at = NOW
    assert said(monitoring.find_label_problem("exit_household_label", caller(VILLAGE), household, label)) == "state_conflict:ended"


@pytest.mark.parametrize(
    ("status", "after"), [("monitored", "registered"), ("registered", "registered"), ("lifted", "lifted"), ("low_income", "low_income")]
)
def test_status_after_monitoring_is_the_one_before(status: str, after: str) -> None:
    assert monitoring.status_without_label(status) == after


@pytest.mark.parametrize(
    ("day", "earliest", "is_right"),
    [
        (date(2026, 3, 1), None, True),
        (date(2026, 3, 2), None, False),
        (date(2026, 2, 1), date(2026, 2, 1), True),
        (date(2026, 1, 31), date(2026, 2, 1), False),
        (date(2026, 3, 1), date(2026, 2, 1), True),
    ],
)
def test_day_of_an_act_lies_between_the_last_act_and_today(day: date, earliest: date | None, is_right: bool) -> None:
    problem = monitoring.find_day_problem(day, earliest, NOW.date())
    assert (problem.errors if problem else None) == (None if is_right else [{"pointer": "#/on", "code": "out_of_range"}])


@pytest.mark.parametrize(("days", "is_right"), [(0, True), (365, True), (366, False), (-1, False)])
def test_visit_is_recorded_within_a_year(days: int, is_right: bool) -> None:
    problem = visits.find_visit_problem(NOW.date() - days * DAY, NOW.date())
    assert (problem.errors if problem else None) == (None if is_right else [{"pointer": "#/visited_on", "code": "out_of_range"}])


@pytest.mark.parametrize(
    ("who", "ended_at", "found"),
    [
        (caller(TOWN), None, None),
        (caller(COUNTY), None, None),
        (caller(VILLAGE), None, "not_allowed"),
        (auditor(TOWN), None, "not_allowed"),
        (caller(TOWN), NOW, "state_conflict:ended"),
        (caller(VILLAGE), NOW, "not_allowed"),
    ],
)
def test_institution_is_changed_until_it_ends(who: Caller, ended_at: datetime | None, found: str | None) -> None:
    institution = Institution(region=TOWN, ended_at=ended_at)
    assert said(institutions.find_institution_problem(who, institution)) == found
    assert institutions.acts_on_institution(who, institution) == ([] if found else ["edit_institution", "end_institution"])


@pytest.mark.parametrize(
    ("stated", "check", "confirmation"),
    [
        ({"state": "checked"}, None, None),
        ({"state": "failed"}, None, "state_conflict:failed"),
        ({"state": "checking"}, "state_conflict:checking", "state_conflict:checking"),
        ({"state": "imported"}, "state_conflict:imported", "state_conflict:imported"),
        ({"state": "failed", "confirmed_at": NOW}, "state_conflict:failed", "state_conflict:failed"),
        ({"state": "checked", "deleted_at": NOW}, "state_conflict:checked", None),
    ],
)
def test_import_is_checked_again_until_confirmed(stated: dict[str, Any], check: str | None, confirmation: str | None) -> None:
    one = Import(region=VILLAGE, **stated)
    assert said(imports.find_check_problem(caller(TOWN), one)) == check
    assert said(imports.find_confirmation_problem(caller(TOWN), one)) == confirmation
    expected = {"check_import": check, "confirm_import": confirmation}
    assert imports.acts_on_import(caller(VILLAGE), one) == [act for act, problem in expected.items() if problem is None]
    for who in (caller(OTHER_VILLAGE), auditor(VILLAGE)):
        assert said(imports.find_check_problem(who, one)) == said(imports.find_confirmation_problem(who, one)) == "not_allowed"
        assert imports.acts_on_import(who, one) == []


def test_mapping_is_removed_once_by_its_region() -> None:
    mapping = ImportMapping(region=TOWN, removed_at=None)
    assert imports.find_removal_problem(caller(COUNTY), mapping) is None
    assert imports.acts_on_mapping(caller(TOWN), mapping) == ["remove_import_mapping"]
    for who in (caller(VILLAGE), auditor(TOWN)):
        assert said(imports.find_removal_problem(who, mapping)) == "not_allowed"
        assert imports.acts_on_mapping(who, mapping) == []
    mapping.removed_at = NOW
    assert said(imports.find_removal_problem(caller(TOWN), mapping)) == "state_conflict:removed"
    assert imports.acts_on_mapping(caller(TOWN), mapping) == []
    assert (import_rules.KEPT_FOR, import_rules.MOST_FILE_BYTES, import_rules.MOST_WAITING) == (7 * DAY, 20 * 1024 * 1024, 5)


def test_offices_stand_against_an_erasure_before_matches() -> None:
    found = {
        (held, way): said(erasure.find_erasure_problem(in_offices=held, under_way=way)) for held in (True, False) for way in (True, False)
    }
    assert found == {
        (True, True): "in_office",
        (True, False): "in_office",
        (False, True): "matches_under_way",
        (False, False): None,
    }


@pytest.mark.parametrize(
    ("age", "is_fresh"),
    [(timedelta(0), True), (timedelta(minutes=10), True), (timedelta(minutes=10, microseconds=1), False), (None, False)],
)
def test_sign_in_proves_who_asks_for_ten_minutes(age: timedelta | None, is_fresh: bool) -> None:
    problem = said(erasure.find_proof_problem(None if age is None else NOW - age, NOW))
    assert problem == (None if is_fresh else "fresh_sign_in_needed")
