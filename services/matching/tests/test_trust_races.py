"""Many at once who show, thank, rate and appeal: each is counted once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from chassis.database import Database
from chassis.testing.fixtures import Client, KnownKeys, Person

from .test_photos import drawn, written
from .test_races import count, real, sent

__all__ = ["real"]


def test_of_photos_sent_at_once_a_side_has_four_and_the_same_one_once(real: Database, keys: KnownKeys) -> None:
    client, match, household, _ = sent(real, keys)
    assert client.post(f"{match}/receipt", {}, by=household).status_code == 201
    files = [written(drawn(20 + number % 6, 20)) for number in range(18)]

    def add(file: bytes) -> int:
        headers = Client._headers(client, household)
        return int(
            client.flask.application.test_client()
            .post(f"{match}/photos", data=file, content_type="image/jpeg", headers=headers)
            .status_code
        )

    with ThreadPoolExecutor(9) as pool:
        assert set(Counter(pool.map(add, files))) == {201, 409}
    assert count(real, "SELECT count(*) FROM photos") == 4
    assert count(real, "SELECT count(DISTINCT digest) FROM photos") == 4


def test_of_removals_at_once_one_counts(real: Database, keys: KnownKeys) -> None:
    client, match, household, _ = sent(real, keys)
    client.post(f"{match}/receipt", {}, by=household)
    headers = client._headers(household)
    photo = client.flask.post(f"{match}/photos", data=written(drawn()), content_type="image/jpeg", headers=headers).headers["Location"]

    def remove(by: Person) -> int:
        return int(client.post(f"{photo}/removal", by=by).status_code)

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(remove, [household] * 16)) == {201: 1, 409: 15}
