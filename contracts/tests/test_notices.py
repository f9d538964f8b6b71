"""Notice entries are checked when they are read, and each fault has a clear message."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

import pytest
from msgspec import Meta

from contracts.event import Event
from contracts.matching import DisputeReminded
from contracts.notices import _check, read, read_all, templates

ENTRY = """
[match_sent]
label = ["帮助已送出", "help was sent"]
facts = ["unit", "category", "sent"]
giver.to = ["pledger_id"]
giver.zh-CN = ["已送出", "您已送出。"]
giver.en = ["Sent", "You sent it."]
household.to = ["household"]
household.zh-CN = ["正在路上", "有人送出了。"]
household.en = ["On its way", "Somebody sent it."]
"""
REFUSED_ENTRY = """
[match_refused]
label = ["对接未接受", "match refused"]
facts = ["reason"]
giver.to = ["pledger_id"]
giver.zh-CN = ["已记下", "已记下。"]
giver.en = ["Noted", "Noted."]
"""
FAULTS = {
    "an unknown event": (("[match_sent]", "[match_posted]"), "match_posted: matching has no event match_posted"),
    "another producer's event": (("[match_sent]", "[need_closed]"), "need_closed: matching has no event need_closed"),
    "a wrong event for a kind": (("label", 'event = "sent"\nlabel'), "match_sent: matching has no event sent"),
    "an unknown fact": (('"sent"]', '"posted"]'), "match_sent: giver: MatchSent has no field posted to show"),
    "a person as a fact": (('"sent"]', '"poster_id"]'), "match_sent: giver: poster_id names a person"),
    "a missing language": (('household.en = ["On its way", "Somebody sent it."]', ""), "missing required field `en`.*household"),
    "another missing language": (('giver.zh-CN = ["已送出", "您已送出。"]', ""), "missing required field `zh-CN`.*giver"),
    "an unknown language": (("giver.en =", 'giver.fr = ["a", "b"]\ngiver.en ='), "unknown field `fr`.*giver"),
    "a title without a text": (('["Sent", "You sent it."]', '["Sent"]'), "Expected `array` of length 2"),
    "empty words": (('"You sent it."', '""'), "Expected `str` of length >= 1.*giver.en"),
    "no label": (('label = ["帮助已送出", "help was sent"]', ""), "missing required field `label`"),
    "a label in one language": ((', "help was sent"]', "]"), "Expected `array` of length 2.*label"),
    "an unknown side": (("giver.to", 'donor.to = ["pledger_id"]\ngiver.to'), "unknown field `donor`"),
    "no recipient": (('giver.to = ["pledger_id"]', ""), "missing required field `to`.*giver"),
    "an empty list of recipients": (('giver.to = ["pledger_id"]', "giver.to = []"), "length >= 1.*giver.to"),
    "an unknown recipient": (('["pledger_id"]', '["donor_id"]'), "giver: donor_id is no recipient: give a field of MatchSent"),
    "a recipient that is no account": (('["pledger_id"]', '["region"]'), "giver: region is no recipient"),
    "an unknown field to pass over": (("giver.en", 'giver.without = ["nobody"]\ngiver.en'), "MatchSent has no field nobody to pass over"),
    "nobody to pass over": (("giver.en", 'giver.unless_alone = ["unit"]\ngiver.en'), "giver: unit of MatchSent names nobody"),
    "an unknown condition": (("giver.en", "giver.when = { overdue = true }\ngiver.en"), "no field overdue for a condition"),
    "a condition that is never met": (("facts =", "when = { sent = true }\nfacts ="), "sent is never True"),
    "an unknown key": (("facts =", 'channel = "sms"\nfacts ='), "match_sent: .*unknown field `channel`"),
    "no TOML": (("[match_sent]", "[match_sent"), "Expected ']' at the end of a table"),
    "a label for no code": (("[match_sent]", '[labels.sent]\nmany = ["多", "many"]\n[match_sent]'), "labels.sent: no notice shows many"),
}


def test_entry_becomes_one_template_for_each_side() -> None:
    giver, household = read(ENTRY, "matching")
    assert (giver.kind, giver.side, giver.to, giver.facts) == ("match_sent", "giver", ("pledger_id",), ("unit", "category", "sent"))
    assert (household.side, household.words["zh-CN"]) == ("household", ("正在路上", "有人送出了。"))


@pytest.mark.parametrize(("change", "fault"), FAULTS.values(), ids=FAULTS)
def test_faulty_entry_is_refused_with_file_kind_and_fault(change: tuple[str, str], fault: str) -> None:
    assert change[0] in ENTRY
    with pytest.raises(ValueError, match=f"^notices/matching.toml: .*{fault}"):
        read(ENTRY.replace(*change), "matching")


def test_entry_without_a_side_is_refused() -> None:
    with pytest.raises(ValueError, match="match_sent: nobody is told: give one of the sides giver, household, administrator"):
        read('[match_sent]\nlabel = ["帮助已送出", "help was sent"]', "matching")


def test_household_needs_an_event_with_a_poster() -> None:
    entry = ENTRY.replace("[match_sent]", "[user_registered]").replace('"unit", "category", "sent"', '"region"')
    with pytest.raises(ValueError, match="UserRegistered has no field account_id, which the recipient household needs"):
        read(entry.replace("pledger_id", "user_id"), "users")


def test_code_without_a_label_is_refused() -> None:
    codes = ["too_far", "out_of_stock", "does_not_fit", "changed_my_mind", "other"]
    labels = "[labels.reason]\n" + "".join(f'{code} = ["一", "one"]\n' for code in codes)
    [template] = read(REFUSED_ENTRY + labels, "matching")
    assert template.labels["reason"].keys() == set(codes)
    with pytest.raises(ValueError, match=r"labels\.reason: no label for out_of_stock, which match_refused may show"):
        read(REFUSED_ENTRY + labels.replace("out_of_stock", "too_heavy"), "matching")


def test_condition_chooses_among_the_kinds_of_one_event() -> None:
    kinds = {template.when["overdue"]: template.kind for template in templates() if template.event is DisputeReminded}
    assert kinds == {False: "dispute_reminded", True: "dispute_overdue"}


def test_kind_of_two_producers_is_refused() -> None:
    other = ENTRY.replace("label", 'event = "need_closed"\nlabel').replace("pledger_id", "poster_id").replace('"sent"', '"quantity"')
    assert len(read_all({"matching": ENTRY, "needs": other.replace("[match_sent]", "[need_closed]")})) == 4
    with pytest.raises(ValueError, match=r"notices/matching\.toml: match_sent: needs\.toml has a notice of this kind"):
        read_all({"matching": ENTRY, "needs": other})


def test_kinds_of_new_producers_follow_the_first_two() -> None:
    appointed = ENTRY.replace("[match_sent]", "[administrator_appointed]").replace('"unit", "category", "sent"', '"region"')
    appointed = appointed.partition("household.to")[0].replace("pledger_id", "user_id")
    kinds = [template.kind for template in read_all({"users": appointed, "matching": ENTRY})]
    assert kinds == ["match_sent", "match_sent", "administrator_appointed"]


class Described(Event, frozen=True, kw_only=True):
    """An event whose fields have descriptions of their own."""

    match_id: UUID
    pledger_id: Annotated[UUID | None, Meta(description="whoever pledged")]
    unit: str
    category: str
    sent: int


def test_fields_with_descriptions_are_recipients_and_never_facts() -> None:
    [giver, _] = read(ENTRY, "matching")
    _check(replace(giver, event=Described))
    with pytest.raises(ValueError, match="pledger_id names a person"):
        _check(replace(giver, event=Described, facts=("pledger_id",)))
