"""The division codes are complete, form one tree, and let nothing pass that is not a code."""

from collections import Counter
from itertools import pairwise

import pytest

from contracts import regions
from contracts.regions import LEVELS, ancestors, find_names, former, known, level, name_of, parent, rows, successors


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    return dict(rows())


def test_the_five_levels_are_complete(names: dict[str, str]) -> None:
    counts = Counter(level(code) for code in names)
    assert counts == {"province": 31, "city": 342, "county": 2_978, "town": 41_352, "village": 620_573}


def test_no_code_comes_twice_and_all_come_in_order_of_their_text() -> None:
    assert all(before < after for (before, _), (after, _) in pairwise(rows()))


def test_every_division_lies_in_one_that_exists(names: dict[str, str]) -> None:
    assert [code for code in names if parent(code) and parent(code) not in names] == []


def test_every_division_has_a_clean_name(names: dict[str, str]) -> None:
    assert [code for code, name in names.items() if not name or name != "".join(name.split())] == []


def test_a_renamed_county_has_its_new_code_only(names: dict[str, str]) -> None:
    assert names["510981"] == "射洪市"
    assert "510922" not in names
    assert known("510981")
    assert not known("510922")


@pytest.mark.parametrize(("city", "county"), [("4419", "441900"), ("4420", "442000"), ("4604", "460400"), ("6202", "620201")])
def test_a_city_without_counties_has_one_of_its_own_name(names: dict[str, str], city: str, county: str) -> None:
    assert names[county] == names[city]


def test_all_shipped_codes_are_known_and_so_is_the_whole_country(names: dict[str, str]) -> None:
    assert all(map(known, names))
    assert known("")


def test_a_code_beside_each_shipped_one_is_known_only_if_shipped(names: dict[str, str]) -> None:
    neighbours = (str(int(code) + 1) for code in names)
    assert all(known(code) == (code in names) for code in neighbours)


@pytest.mark.parametrize("code", ["5109 ", " 5109", "5109\n", "51091", "+510", "5_10", "51.0"])
def test_a_code_of_a_wrong_shape_is_not_known(code: str) -> None:
    assert not known(code)


@pytest.mark.parametrize("code", ["０", "５１０９", "٥١٠٩", "²²"])
def test_a_code_in_other_digits_is_not_known(code: str) -> None:
    assert not known(code)


@pytest.mark.parametrize("code", ["0", "5", "99", "0051", "000051", "9" * 12, "5" * 400])
def test_a_number_that_is_no_division_is_not_known(code: str) -> None:
    assert not known(code)


def test_a_village_lies_in_its_town_county_city_and_province() -> None:
    assert ancestors("110101001001") == ["11", "1101", "110101", "110101001"]
    assert parent("110101001001") == "110101001"
    assert [level(code) for code in [*ancestors("110101001001"), "110101001001"]] == list(LEVELS.values())


def test_a_province_lies_in_the_whole_country() -> None:
    assert parent("51") == ""
    assert ancestors("51") == []
    assert ancestors("") == []


@pytest.mark.parametrize("code", ["51091", "5109 ", "0051", "５１０９"])
def test_what_cannot_be_a_code_has_neither_level_nor_ancestors(code: str) -> None:
    for question in (level, parent, ancestors):
        with pytest.raises(ValueError, match="not a division code"):
            question(code)


def test_former_codes_lead_to_codes_of_the_edition(names: dict[str, str]) -> None:
    assert list(former()) == sorted(former())
    assert len(former()) > 300
    for code, one in former().items():
        assert not known(code), code
        assert one.name
        assert [after for after in one.successors if not known(after)] == [], code
        assert one.successors or one.valid_until, code
        assert not one.valid_until or int(one.valid_until[:4]) <= 2026, code


def test_moved_towns_and_villages_lead_to_their_own_level(names: dict[str, str]) -> None:
    for code, after in (("510626100001", "510604100001"), ("330104005", "330102011")):
        assert successors(code) == (after,)
    old, new = regions._moves()
    assert list(old) == sorted(set(old))
    assert len(old) > 10_000
    for before, after in zip(map(str, old), map(str, new), strict=True):
        assert not known(before)
        assert (known(after), len(after)) == (True, len(before))


def test_names_of_counties_and_above_are_those_of_the_edition(names: dict[str, str]) -> None:
    assert all(name_of(code) == name for code, name in names.items() if len(code) <= 6)
    assert name_of("510903001") is None


def test_shehong_is_found_under_its_old_code() -> None:
    assert (former()["510922"].name, successors("510922")) == ("射洪县", ("510981",))


def test_names_are_found_by_their_codes(names: dict[str, str]) -> None:
    wanted = [*list(names)[::50_000], list(names)[-1], "11"]
    assert find_names([*wanted, "999999", "51,", ""]) == {code: names[code] for code in wanted}
