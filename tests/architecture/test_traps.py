"""Each trap that the earlier network fell into, or that was found by trying, has a test that says so by its name."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAPS = {
    "an absurd need passes": "services/needs/tests/test_catalogue.py::test_treadmill_and_rice_wine_are_stopped_with_guidance",
    "a branded need passes": "services/needs/tests/test_catalogue.py::test_branded_coat_is_led_to_the_item",
    "99,999,999 phones are a need": "services/needs/tests/test_catalogue.py::test_a_hundred_million_phones_are_refused_with_the_cap",
    "many small needs add up to any amount": "services/needs/tests/test_quotas.py::test_needs_add_up_to_the_quota_of_the_household",
    "a reviewer waves everything through": "services/needs/tests/test_samples.py::test_careless_reviewer_appears_in_the_error_rate",
    "the same need twice draws no word": (
        "services/needs/tests/test_duplicates.py::test_same_household_and_item_are_linked_within_the_window"
    ),
    "easy needs are posted for the rate": (
        "services/insight/tests/test_rates.py::test_small_needs_raise_the_raw_rate_but_not_the_weighted_one"
    ),
    "a popular village drowns in help": "services/matching/tests/test_fairness.py::test_no_village_takes_a_whole_clearing_of_the_book",
    "another village gets none": "services/matching/tests/test_fairness.py::test_unhelped_village_comes_first_despite_shorter_wait",
    "a household without a smartphone is left out": "services/needs/tests/test_needs.py::test_posting_on_behalf_requires_consent",
    "nobody shows a giver that the help arrived": (
        "services/matching/tests/test_delivery.py::test_one_side_alone_cannot_close_a_match_as_delivered"
    ),
    "what was promised counts as delivered": "services/insight/tests/test_rates.py::test_only_confirmed_quantities_count_as_delivered",
    "registered people who do nothing count as users": (
        "services/insight/tests/test_rates.py::test_the_use_rate_is_active_over_registered_people"
    ),
    "the search finds nothing in Chinese": "services/needs/tests/test_hall.py::test_a_need_is_found_by_its_item_in_both_languages",
    "the verifier is told nothing": "services/notify/tests/test_administrators.py::test_posted_need_is_told_to_those_who_may_verify_it",
    "the matcher is faster than who chooses": "services/matching/tests/test_choosers.py::test_no_chooser_loses_what_they_hold",
    "met needs stay in the hall": "services/needs/tests/test_life.py::test_need_of_which_everything_was_received_is_met",
    "used-up pledges stay in the list": "services/needs/tests/test_used_up.py::test_used_up_pledge_leaves_the_list_until_something_is_open",
    "an official's phone is registered by a stranger": (
        "services/users/tests/test_proofs.py::test_stranger_who_claims_an_official_s_phone_gets_nothing"
    ),
    "a new account binds every open need": "tests/integration/test_fresh_pledger.py::test_a_fresh_account_binds_a_bounded_number_of_needs",
    "two households of one surname look alike": (
        "services/users/tests/test_finding.py::test_cadre_tells_two_households_of_one_surname_apart"
    ),
    "goods arrive when they are over": "services/matching/tests/test_best_before.py::test_goods_that_would_be_over_are_not_proposed",
}
"""The test of each trap, by its file and name."""


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_has_a_test(trap: str) -> None:
    path, _, name = TRAPS[trap].partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
