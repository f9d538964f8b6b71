"""Rules for recipients and facts, without a database."""

from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from contracts.matching import AppealDecided, DisputeOpened, DisputeReminded, MatchProposed, ThanksWritten
from contracts.needs import NeedPublished, NeedWithdrawn
from contracts.notices import by_event
from contracts.users import HandoverPlaceChanged, PlaceChangeProposed
from notify.rules import agents_for, deciders_for, notices_of, recipients_of, regions_around, shown_value
from notify.words import render

from .conftest import example

VILLAGE, TOWN, COUNTY, CITY = "510903100208", "510903100", "510903", "5109"
HANG, LI, MEI, QIANG = (UUID(int=number) for number in range(1, 5))
AROUND = {VILLAGE: {HANG}, TOWN: {LI}, COUNTY: {MEI}, CITY: {QIANG}}


def recipients(event: Any, managers: dict[str, set[UUID]] | None = None) -> list[tuple[str, str, UUID]]:
    return [(notice["kind"], notice["side"], notice["recipient_id"]) for notice in notices_of(event, managers or {})]


def test_regions_around_a_village_are_listed_nearest_first() -> None:
    around = regions_around(VILLAGE, {CITY: set(), VILLAGE: set(), "510922": set(), "": set(), TOWN: set()})
    assert around == [VILLAGE, TOWN, CITY, ""]
    assert all(inner.startswith(outer) for inner, outer in pairwise(around))


def test_proposed_point_is_told_to_the_level_above_only() -> None:
    proposed = example(PlaceChangeProposed, region=TOWN, place_region=VILLAGE, proposed_by=HANG)
    assert recipients(proposed, AROUND) == [("place_change_proposed", "administrator", LI)]
    assert recipients(example(PlaceChangeProposed, region=TOWN, proposed_by=LI), AROUND) == [
        ("place_change_proposed", "administrator", MEI)
    ]


@pytest.mark.parametrize(("place_id", "said"), [(UUID(int=7), "最新的地址、电话和开放时间"), (None, "已关闭")])
def test_giver_is_told_of_another_point_without_the_village(place_id: UUID | None, said: str) -> None:
    [notice] = notices_of(example(HandoverPlaceChanged, region=VILLAGE, pledger_id=LI, place_id=place_id), AROUND)
    assert (notice["side"], notice["recipient_id"], notice["facts"]["region"]) == ("giver", LI, TOWN)
    assert said in render(notice["kind"], notice["side"], notice["facts"], "zh-CN")["text"]


@pytest.mark.parametrize("office", [VILLAGE, TOWN, COUNTY, CITY])
def test_poster_in_office_stays_the_agent(office: str) -> None:
    poster = UUID(int=9)
    assert agents_for(VILLAGE, poster, AROUND | {office: {poster, *AROUND[office]}}) == {poster}


def test_nearest_managers_act_for_a_poster_out_of_office() -> None:
    assert agents_for(VILLAGE, UUID(int=9), AROUND) == {HANG}
    assert agents_for(VILLAGE, UUID(int=9), {"510922": {LI}}) == {UUID(int=9)}


@pytest.mark.parametrize(
    ("region", "passed_over", "decider"),
    [(VILLAGE, set(), HANG), (VILLAGE, {HANG}, LI), (COUNTY, set(), MEI), (COUNTY, {MEI}, QIANG), (VILLAGE, {HANG, LI, MEI}, QIANG)],
)
def test_nearest_manager_who_took_no_part_decides(region: str, passed_over: set[UUID], decider: UUID) -> None:
    assert deciders_for(region, passed_over, AROUND) == {decider}


def test_nobody_decides_where_all_managers_took_part() -> None:
    assert deciders_for(VILLAGE, {HANG, LI, MEI, QIANG}, AROUND) == set()


def test_pledger_and_poster_are_told_of_a_proposal() -> None:
    event = example(MatchProposed)
    assert recipients(event) == [("match_proposed", "giver", event.pledger_id), ("match_proposed", "household", event.poster_id)]


def test_notice_shows_each_side_its_view_of_the_event() -> None:
    event = example(MatchProposed, region=VILLAGE)
    giver, household = notices_of(event, {})
    assert (giver["facts"]["region"], household["facts"]["region"]) == (TOWN, VILLAGE)
    assert {(one["about"], one["about_version"]) for one in (giver, household)} == {(event.match_id, event.version)}


def test_household_that_posted_for_itself_is_told_once() -> None:
    event = example(NeedPublished, account_id=LI, poster_id=LI)
    [notice] = notices_of(event, AROUND)
    assert (notice["recipient_id"], notice["facts"]["on_behalf"]) == (LI, False)


def test_person_who_withdrew_a_need_is_not_told() -> None:
    assert recipients(example(NeedWithdrawn, account_id=LI, poster_id=MEI, withdrawn_by=MEI)) == [("need_withdrawn", "household", LI)]
    assert recipients(example(NeedWithdrawn, account_id=LI, poster_id=MEI, withdrawn_by=LI)) == [("need_withdrawn", "household", MEI)]


def test_only_the_appellant_s_side_is_told_of_a_decision() -> None:
    event = example(AppealDecided, side="household")
    assert recipients(event) == [("appeal_decided", "household", event.appellant_id)]


def test_overdue_dispute_is_told_to_county_and_city() -> None:
    assert recipients(example(DisputeReminded, overdue=False, involved=[]), AROUND) == [("dispute_reminded", "administrator", MEI)]
    overdue = recipients(example(DisputeReminded, overdue=True, involved=[]), AROUND)
    assert overdue == [("dispute_overdue", "administrator", MEI), ("dispute_overdue", "administrator", QIANG)]


def test_people_in_a_dispute_are_never_asked_to_decide_it() -> None:
    event = example(DisputeOpened, involved=[HANG])
    assert ("dispute_opened", "administrator", LI) in recipients(event, AROUND)
    assert "administrator" not in {side for _, side, _ in recipients(event, {VILLAGE: {HANG}})}


def test_author_decides_about_thanks_only_where_nobody_else_may() -> None:
    event = example(ThanksWritten, author_id=HANG)
    assert recipients(event, AROUND) == [("thanks_written", "administrator", LI)]
    assert recipients(event, {VILLAGE: {HANG}}) == [("thanks_written", "administrator", HANG)]


def test_household_joins_the_recipients_before_it() -> None:
    template = replace(by_event()[NeedPublished][0], to=("poster_id", "household"), without=(), unless_alone=())
    event = example(NeedPublished, account_id=LI, poster_id=MEI)
    assert recipients_of(template, event, {VILLAGE: {HANG}}) == {HANG: {"on_behalf": True}, LI: {"on_behalf": False}, MEI: {}}


def test_givers_see_the_town_and_households_the_village() -> None:
    assert shown_value(VILLAGE, "region", "giver") == TOWN
    assert shown_value(VILLAGE, "region", "household") == VILLAGE


def test_reasons_are_shown_as_codes_without_figures() -> None:
    [giver, _] = notices_of(example(MatchProposed), {})
    assert giver["facts"]["reasons"] == ["same_county"]
    assert shown_value([HANG, "text"], "ids", "giver") == [str(HANG), "text"]
