"""The public questions with their worst parameters. A public operation without an entry fails a test."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.fixtures import Client
from users.sessions.tokens import SigningKeys

GENEROUS = {f"RATE_{what}": "1000000/second" for what in ("READS", "WRITES", "GUESTS", "SIGN_INS")} | {"CODES_PER_PHONE": "1000"}

FORMER_NAMES = 200
"""The few former names of regions fill one page of the disk, which is read whole instead of an index, at most twice."""
SPELLINGS = 6_000
"""The most spellings that a beginning of a word may lead to, for each word."""
TOKEN = "0" * 21 + "7"


@dataclass(frozen=True)
class Question:
    """A request of a guest. `allowance` are rows that it may read besides ten for each row that it gives."""

    operation: str
    worst: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    allowance: int = 20

    def ask(self, client: Client) -> Any:
        """Send the request. An answer other than 2xx, or 4xx where nothing is found or a code is wrong, is an error."""
        answer = client.post(self.path, self.body) if self.body is not None else client.get(self.path, **self.query)
        if answer.status_code >= 500 or (answer.status_code == 422 and answer.json["code"] != "wrong_code"):
            raise RuntimeError(f"{self.operation} answered {answer.status_code}: {answer.text}")
        return answer

    def bound(self, answer: Any) -> int:
        """Return how many rows the question may read for this answer."""
        return 10 * (1 + count_given(answer)) + self.allowance


def client_of(service: str, database: Database) -> tuple[Client, set[str]]:
    """Return a client of the service and the operations that anyone may ask. The service's rate limits come from the environment."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keys: Any = SigningKeys([key])
    client = Client(create_app(service, import_module(f"{service}.api").api, database=database, keys=keys).test_client(), keys)
    paths = client.get(f"/openapi/{service}.json").json["paths"].values()
    return client, {one["operationId"] for path in paths for one in path.values() if one.get("x-who") == ["anyone"]}


def count_given(answer: Any) -> int:
    """Count the rows of an answer: items, lines of a table, or the figures' rows."""
    if not answer.is_json or not answer.text:
        return max(1, str(answer.text).count("\n"))
    given: dict[str, Any] = answer.json
    if "items" in given:
        return len(given["items"])
    if "ranking" in given:
        return 2 + len(given["series"]) + len(given["ranking"])
    return len(given.get("units", [])) or 1


def questions(rows: int, months: int) -> list[Question]:
    """List all questions for tables of so many rows, and rates of so many months."""
    return [
        *_lists(rows),
        *_hall(rows),
        *_counts(),
        *_balance(),
        *_rates(months),
        *_regions(),
        *_places(rows),
        *_single(rows),
        *_codes(),
        *_self_reports(),
    ]


PLACES_AND_CATEGORIES: dict[str, dict[str, Any]] = {
    "everything": {},
    "a page of one": {"limit": 1},
    "the largest page": {"limit": 100},
    "a category all old": {"category": "medical.bodybag"},
    "a group with something old": {"category": "medical"},
    "a huge item": {"category": "food.rice"},
    "a huge group": {"category": "food"},
    "a category with nothing": {"category": "money.living"},
    "an unknown category": {"category": "no.such.thing"},
    "a huge province": {"region": "51"},
    "a province all old": {"region": "65"},
    "a province with nothing": {"region": "46"},
    "a huge city": {"region": "5109"},
    "a county": {"region": "510903"},
    "an old item in a huge province": {"region": "51", "category": "medical.bodybag"},
    "a huge item elsewhere": {"region": "33", "category": "food.rice"},
    "an old group in its province": {"region": "65", "category": "medical"},
    "a huge item in its city": {"region": "5109", "category": "food.rice", "limit": 100},
    "a huge group in a county": {"region": "510903", "category": "food"},
}


def _lists(rows: int) -> Iterator[Question]:
    cursors = {"": {}, ", deep": {"cursor": cursor_of(rows // 50)}, ", in the middle": {"cursor": cursor_of(rows // 3)}}
    towns = {"a township": {"region": "510903001"}, "an item in a township": {"region": "510903001", "category": "food.rice"}}
    for operation, path in (("list_needs", "/v1/needs"), ("list_pledges", "/v1/pledges")):
        for worst, query in (PLACES_AND_CATEGORIES | towns).items():
            for place, cursor in cursors.items():
                yield Question(operation, worst + place, path, query | cursor)


RANGES = 400
"""Rows that a merge of ranges reads besides those it gives: the first one of each range, and the regions that ranges are of."""
SEARCHED = 7_000
"""Rows that a search by words reads at most: the needs that a page looks at, and those that the index of words finds."""
HALL: dict[str, dict[str, Any]] = {
    "a rare urgency": {"urgencies": "critical"},
    "an urgency that the province lacks": {"urgencies": "critical", "region": "65"},
    "two urgencies of a huge item in its city": {"urgencies": "critical,urgent", "region": "5109", "category": "food.rice"},
    "what is still open": {"open": "true"},
    "an old item that is still open": {"open": "true", "category": "medical.bodybag"},
    "ten categories": {
        "categories": "food.oil,food.flour,clothing,household,medical.mask,medical.bodybag,education,farming,industry.tea,housing"
    },
    "a kind with groups and items": {"kind": "goods", "region": "51"},
    "a kind with nothing": {"kind": "money"},
    "recent ones": {"max_age_days": 30},
    "long waiting ones": {"min_age_days": 30, "limit": 100},
    "the most urgent": {"sort": "most_urgent"},
    "the most urgent of an old province": {"sort": "most_urgent", "region": "65", "limit": 100},
    "the longest waiting": {"sort": "longest_waiting"},
    "the longest waiting of a huge item": {"sort": "longest_waiting", "category": "food.rice", "region": "5109"},
    "the nearest in a huge city": {"sort": "nearest", "near": "510903001"},
    "the nearest where all is old": {"sort": "nearest", "near": "650102", "limit": 100},
    "the nearest where there is nothing": {"sort": "nearest", "near": "460105"},
    "everything at once": {
        "region": "51", "categories": "food,clothing,medical", "urgencies": "urgent,critical", "open": "true", "sort": "nearest",
        "near": "510904", "max_age_days": 3650,
    },
}  # fmt: skip
WORDS = ("大米", "遗体袋", "老人独居", "屋顶漏雨", "没有这样的词", "rice")


def _hall(rows: int) -> Iterator[Question]:
    """Ask the hall by urgency, age, kind, distance and words."""
    deep = base64.urlsafe_b64encode(bytes([1]) + UUID(int=rows // 3).bytes).decode().rstrip("=")
    for worst, query in HALL.items():
        yield Question("list_needs", worst, "/v1/needs", query, allowance=RANGES)
        yield Question("list_needs", f"{worst}, deep", "/v1/needs", query | {"cursor": deep}, allowance=RANGES)
    for words in WORDS:
        for worst, query in {"anywhere": {}, "in an old province": {"region": "65"}, "in a county": {"region": "510903"}}.items():
            asked: dict[str, Any] = {"q": words} | query
            yield Question("list_needs", f"{words} {worst}", "/v1/needs", asked, allowance=SEARCHED)
            yield Question("list_needs", f"{words} {worst}, most urgent", "/v1/needs", asked | {"sort": "most_urgent"}, allowance=SEARCHED)


def _counts() -> Iterator[Question]:
    for worst, query in PLACES_AND_CATEGORIES.items():
        if "limit" not in query:
            # A row of each urgency for each group and each part of the region; a township is probed for its households.
            yield Question("count_needs", worst, "/v1/needs/counts", query, allowance=1_500)
    for words in WORDS:
        yield Question("count_needs", f"words: {words}", "/v1/needs/counts", {"q": words, "region": "51"}, allowance=SEARCHED)


def _balance() -> Iterator[Question]:
    for worst, query in PLACES_AND_CATEGORIES.items():
        yield Question("list_wanting", worst, "/v1/balance/wanting", query, allowance=200 if len(query.get("region", "")) == 6 else 40)
        deep = base64.urlsafe_b64encode((2).to_bytes(8, "big") + bytes(16)).decode()
        yield Question("list_wanting", f"{worst}, deep", "/v1/balance/wanting", query | {"cursor": deep}, allowance=200)
        if "limit" not in query:
            # A row for each category of the catalogue in at most five regions, and a row for each day count in four months.
            yield Question("get_balance", worst, "/v1/balance", query, allowance=800)
    township = {"region": "510903001", "category": "food.rice"}
    yield Question("get_balance", "an item in a township", "/v1/balance", township, allowance=800)


def _rates(months: int) -> Iterator[Question]:
    until = date.today()
    longest = {"since": str(until - timedelta(days=1090)), "until": str(until)}
    asked: dict[str, dict[str, Any]] = {
        "the country, three years": longest,
        "the country": {},
        "a province, three years": longest | {"region": "51"},
        "a city, three years": longest | {"region": "5109"},
        "a county, three years": longest | {"region": "510903"},
        "a province with nothing": longest | {"region": "46"},
    }
    for worst, query in asked.items():
        for operation, path in (("get_rates", "/v1/rates"), ("get_rates_csv", "/v1/rates/csv")):
            # At most a row and its index entry for each month since the beginning, of each region that is ranked.
            yield Question(operation, worst, path, query, allowance=500 + 60 * months)


def _regions() -> Iterator[Question]:
    asked: dict[str, dict[str, Any]] = {
        "the provinces": {},
        "a city's counties": {"within": "5109"},
        "a village": {"within": "510903001001"},
        "a character in half a million names": {"name": "村"},
        "another, the largest page": {"name": "委", "limit": 100},
        "a character of the last provinces": {"name": "孜"},
        "a common word in one county": {"name": "村委会", "within": "510903", "limit": 100},
        "a name that does not exist": {"name": "没有这个地方"},
        "a former name": {"name": "射洪县"},
    }
    for worst, query in asked.items():
        yield Question("list_regions", worst, "/v1/regions", query, allowance=FORMER_NAMES)
    ways = {
        "a county by its city": "遂宁市蓬溪县",
        "pinyin": "suining pengxi",
        "initials": "sn px",
        "one character": "大",
        "three letters": "zho",
    }
    for worst, way in (ways | {"villages of a county": "蓬溪 xincun", "nothing": "没有这个地方"}).items():
        yield Question("list_regions", worst, "/v1/regions", {"q": way}, allowance=SPELLINGS)
    hundred = ",".join(f"5109{number:02}" for number in range(100))
    yield Question("list_regions", "a hundred codes", "/v1/regions", {"codes": hundred}, allowance=FORMER_NAMES)
    for worst, code in {"a village": "510903001001", "a former code": "510922", "nothing": "519999"}.items():
        yield Question("get_region", worst, f"/v1/regions/{code}", allowance=FORMER_NAMES)
        yield Question("list_children", worst, f"/v1/regions/{code}/children", allowance=FORMER_NAMES)
    yield Question("list_children", "a province", "/v1/regions/51/children")
    yield Question("list_children", "a township", "/v1/regions/510903001/children", allowance=FORMER_NAMES)


def _places(rows: int) -> Iterator[Question]:
    deep = {"cursor": cursor_of(rows // 3)}
    asked: dict[str, dict[str, Any]] = {
        "everything": {},
        "the largest page": {"limit": 100},
        "a huge county": {"region": "510903"},
        "a township": {"region": "510903001"},
        "a county with nothing": {"region": "510904"},
        "a cursor of nothing": {"cursor": cursor_of(10**15)},
    }
    for worst, query in asked.items():
        yield Question("list_places", worst, "/v1/places", query)
        yield Question("list_places", f"{worst}, deep", "/v1/places", query | deep)
    for worst, number in {"one of many": rows // 3, "an unknown one": 10**15}.items():
        yield Question("get_place", worst, f"/v1/places/{UUID(int=number)}")
    yield Question("list_consent_texts", "all of them", "/v1/consents/texts")


def _single(rows: int) -> Iterator[Question]:
    yield Question("get_need", "with thousands of matches", f"/v1/needs/{UUID(int=rows - 15)}")
    yield Question("get_need", "an unknown one", f"/v1/needs/{UUID(int=10**15)}")
    yield Question("list_need_photos", "without any", f"/v1/needs/{UUID(int=rows - 15)}/photos")
    for operation, path in (("get_need_photo", ""), ("get_need_photo_image", "/image")):
        yield Question(operation, "an unknown one", f"/v1/need-photos/{UUID(int=10**15)}{path}")
    yield Question("list_catalogue", "all of it", "/v1/catalogue")
    yield Question("list_catalogue", "a village's", "/v1/catalogue", {"region": "510903001001"})
    for worst, query in {"everything": {}, "a village's": {"region": "510903001001"}, "deep": {"cursor": cursor_of(rows // 3)}}.items():
        yield Question("list_charities", worst, "/v1/charities", query)
    yield Question("get_charity", "an unknown one", f"/v1/charities/{UUID(int=10**15)}")
    yield Question("list_public_keys", "all of them", "/v1/jwks")
    yield Question("read_slip", "one of many", "/v1/slips/reading", body={"token": TOKEN})
    yield Question("read_slip", "an unknown one", "/v1/slips/reading", body={"token": "x" * 22})
    yield Question("confirm_slip", "an unknown one", "/v1/slips", body={"token": "x" * 22})
    yield Question("show_slip_page", "the page", "/v1/slips/page")
    account = {"kind": "donor", "phone": "13900000001", "name": "甲", "password": "plum-tree-by-the-river"}
    yield Question("register_account", "one among many", "/v1/accounts", body=account)
    yield Question("sign_in", "an unknown phone", "/v1/sessions", body={"phone": "13900000002", "password": "wrong-password"})
    unknown = base64.urlsafe_b64encode(bytes(48)).decode()
    yield Question("refresh_session", "an unknown token", "/v1/sessions/refresh", body={"refresh_token": unknown})
    yield Question("end_session", "an unknown token", "/v1/sessions/end", body={"refresh_token": unknown})


def _codes() -> Iterator[Question]:
    """Ask for codes and guess them: no answer is a list, but each looks for phones, earlier codes and tries among many."""
    phone = {"phone": "13900000003"}
    registration = {"kind": "donor", "name": "甲", "password": "plum-tree-by-the-river"} | phone
    yield Question("request_registration", "one among many", "/v1/registrations", body=registration)
    yield Question("request_sign_in_code", "an unknown phone", "/v1/sessions/codes", body=phone)
    yield Question("request_password_reset", "an unknown phone", "/v1/password-resets", body=phone)
    guess, new = {"code": "000000"}, {"password": "plum-tree-by-the-river"}
    for worst, first in {"a wrong code, one of many": 9, "an unknown one": 10**15}.items():
        yield Question("prove_registration", worst, f"/v1/registrations/{UUID(int=first)}/proof", body=guess)
        yield Question("sign_in_by_code", worst, f"/v1/sessions/codes/{UUID(int=first + 1)}/proof", body=guess)
        yield Question("reset_password", worst, f"/v1/password-resets/{UUID(int=first + 2)}/proof", body=guess | new)


def _self_reports() -> Iterator[Question]:
    """Report oneself in a village with thousands of reports, most of which wait."""
    stated = {"name": "甲", "people": 3, "difficulty": "illness", "story": "老人住院"}
    for worst, village in {"a village with thousands": "510903001001", "a village without any": "510904001001"}.items():
        yield Question("report_oneself", worst, "/v1/self-reports", body=stated | {"region": village})
    for worst, number in {"a wrong code, one of many": 10, "an unknown one": 10**15}.items():
        yield Question("prove_self_report", worst, f"/v1/self-reports/{UUID(int=number)}/proof", body={"code": "000000"})
    yield Question("show_self_report_page", "the page", "/v1/self-reports/page")
    yield Question("draw_self_report_code", "a region", "/v1/regions/510903/self-report-code")


def cursor_of(number: int) -> str:
    """Return the cursor behind the row of this number."""
    return base64.urlsafe_b64encode(UUID(int=number).bytes).decode().rstrip("=")
