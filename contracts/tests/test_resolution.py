"""A code is read as it is, as its one successor, or refused with those to choose from; never guessed."""

from collections.abc import Collection, Mapping

import pytest

from contracts import regions
from contracts.regions.editions import find_successors
from contracts.regions.resolution import Change, Lookup, resolve


@pytest.mark.parametrize("code", ["", "51", "5109", "510903", "510903001", "510903001001", "441900"])
def test_a_present_code_stays(code: str) -> None:
    found = resolve(code)
    assert (found.state, found.code) == ("present", code)


SUCCEEDED = {
    "510626": "510604", "510922": "510981", "510626100": "510604100", "510626100001": "510604100001",
    "139001": "130682", "110103": "110101", "512081": "510185", "330104005": "330102011", "330104010": "330114001", "5222": "5206",
}  # fmt: skip


@pytest.mark.parametrize("code", SUCCEEDED)
def test_a_code_with_one_successor_is_read_as_it(code: str) -> None:
    found = resolve(code)
    assert (found.state, found.code) == ("present", SUCCEEDED[code])


ENDED = {
    "330104": ("330104", ["330102", "330114"]),
    "330104000": ("330104", ["330102", "330114"]),
    "330104999999": ("330104", ["330102", "330114"]),
    "510626999": ("510626", ["510604"]),
    "510626999999": ("510626", ["510604"]),
    "133100": ("133100", ["130629", "130632", "130638"]),
    "133101": ("1331", ["130629", "130632", "130638"]),
    "500157": ("500157", ["500105", "500112"]),
    "500157001": ("500157", ["500105", "500112"]),
}


@pytest.mark.parametrize("code", ENDED)
def test_a_code_without_one_successor_names_those_to_choose_from(code: str) -> None:
    former, successors = ENDED[code]
    found = resolve(code)
    assert (found.state, found.code, found.former) == ("ended", "", former)
    assert [one for one, _ in found.successors] == successors
    assert all(name == regions.name_of(one) for one, name in found.successors)


@pytest.mark.parametrize(
    ("code", "meant"),
    [("510000", "51"), ("510900", "5109"), ("510903000", "510903"), ("510000000000", "51"), ("510903001000", "510903001")],
)
def test_zeros_that_only_pad_a_code_are_dropped(code: str, meant: str) -> None:
    assert resolve(code) == resolve(meant)


def test_padded_code_of_an_ended_county_is_its_successor() -> None:
    assert resolve("510626000000").code == "510604"


@pytest.mark.parametrize("code", ["99", "519999", "510903999", "510903001999", "0051", "5109 ", "5100", "000000", "5" * 13, "５１"])
def test_a_code_that_never_counted_is_unknown(code: str) -> None:
    assert resolve(code).state == "unknown"


CHAIN = {
    "510903": Change("船山区", "2027-01-01", ("510905",)),
    "510905": Change("新船山区", "2028-01-01", ("510906",)),
    "510906": Change("大船山区", "", ()),
}


def finding(changes: Mapping[str, Change]) -> tuple[list[list[str]], Lookup]:
    asked: list[list[str]] = []

    def find(codes: Collection[str]) -> Mapping[str, Change]:
        asked.append(sorted(codes))
        return {code: changes[code] for code in codes if code in changes}

    return asked, find


def test_a_chain_of_changes_is_followed_to_its_end() -> None:
    _, find = finding(CHAIN)
    assert [resolve(code, find).code for code in CHAIN] == ["510906"] * 3


def test_an_earlier_code_is_followed_through_later_changes() -> None:
    _, find = finding({"510604": Change("罗江区", "2027-01-01", ("510609",))})
    assert resolve("510626", find).code == "510609"


def test_a_split_in_the_middle_of_a_chain_is_refused() -> None:
    _, find = finding(CHAIN | {"510905": Change("新船山区", "2028-01-01", ("510906", "510907"))})
    found = resolve("510903", find)
    assert (found.state, found.former, found.ended, found.name) == ("ended", "510903", "2027-01-01", "船山区")
    assert found.successors == (("510906", "大船山区"), ("510907", ""))


def test_a_branch_that_ends_in_nothing_makes_no_certainty() -> None:
    _, find = finding({"510903": Change("船山区", "2027-01-01", ("510904", "510905")), "510905": Change("没有", "2028-01-01", ())})
    found = resolve("510903", find)
    assert (found.state, [code for code, _ in found.successors]) == ("ended", ["510904"])


def test_successors_in_a_circle_are_refused() -> None:
    _, find = finding({"510903": Change("甲", "2027-01-01", ("510904",)), "510904": Change("乙", "2027-01-01", ("510903",))})
    assert resolve("510903", find).state == "ended"


def test_a_listed_code_counts_though_no_edition_has_it() -> None:
    _, find = finding({"500157": Change("两江新区", "", ()), "510903001": Change("凯旋", "2027-01-01", ())})
    assert resolve("500157", find).code == "500157"
    assert resolve("510903001001", find).code == "510903001001"
    assert resolve("510903001", find).state == "ended"


def test_a_present_code_is_looked_up_once() -> None:
    asked, find = finding({})
    resolve("510903001001", find)
    assert asked == [["51", "5109", "510903", "510903001", "510903001001"]]


OLD = {
    "51": "川",
    "5101": "甲",
    "510101": "东县",
    "510101001": "城关",
    "510101001001": "一村",
    "510101001002": "二村",
    "510102": "西县",
    "510102001": "河口",
}
NEW = {
    "51": "川",
    "5101": "甲",
    "510103": "东市",
    "510103007": "城关",
    "510103007001": "一村",
    "510103007003": "社区",
    "510102": "西县",
    "510102001": "河口",
}


def test_names_below_a_stated_successor_lead_to_successors() -> None:
    assert find_successors(OLD, NEW, {"510101": ["510103"]}) == {
        "510101": ("510103",), "510101001": ("510103007",), "510101001001": ("510103007001",), "510101001002": (),
    }  # fmt: skip


def test_nothing_is_certain_below_what_has_no_successor() -> None:
    assert set(find_successors(OLD, NEW, {}).values()) == {()}


def test_two_divisions_of_one_name_are_not_certain() -> None:
    assert find_successors(OLD, NEW | {"510103008": "城关"}, {"510101": ["510103"]})["510101001"] == ()


def test_a_division_that_was_there_before_is_no_successor() -> None:
    assert find_successors(OLD | {"510103": "东市", "510103007": "城关"}, NEW, {"510101": ["510103"]})["510101001"] == ()
