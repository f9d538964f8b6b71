"""A notice for a new event is one entry in contracts: notify delivers it without a line of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import contracts

EVENT = '''"""The events of reviews: ratings of what was delivered."""

from typing import Literal
from uuid import UUID

from contracts.event import Event, Moment, Region


class ReviewWritten(Event, frozen=True, kw_only=True):
    """Somebody reviewed a delivery."""

    review_id: UUID
    reader_id: UUID
    region: Region
    stars: int
    reason: Literal["late", "kind"]
    written_at: Moment
'''
ENTRY = """
[review_written]
label = ["有新评价", "a review"]
facts = ["region", "stars", "reason", "written_at"]
giver.to = ["reader_id"]
giver.zh-CN = ["收到评价", "{{ stars }} 星，{{ reason_label }}"]
giver.en = ["A review", "{{ stars }} stars: {{ reason_label }}, {{ written_at }}"]
administrator.to = ["place"]
administrator.zh-CN = ["辖区内有新评价", "{{ stars }} 星"]
administrator.en = ["A review in your region", "{{ stars }} stars"]

[labels.reason]
late = ["送得晚", "it came late"]
kind = ["很热心", "it was kind"]
"""
HEAR = """
import json, os, sys
from cryptography.fernet import Fernet
os.environ |= {"SEAL_KEYS": Fernet.generate_key().decode(), "FINGERPRINT_KEY": "a key for tests"}
from chassis.data.database import Database, new_id
from chassis.http.app import create_app
from chassis.messaging import inbox
from chassis.messaging.events import handlers_of
from chassis.messaging.inbox import Received
from chassis.testing.fixtures import Client, KnownKeys, Person, administrator_of
from contracts.event import encode, decode, every_event
from contracts.generate import example_of
from msgspec.structs import replace
from notify.api import api
from notify.worker import Worker

database, keys, reader = Database(sys.argv[1], name="new notice"), KnownKeys(), Person("donor")
administrator = administrator_of(database, "510903100")
kind = every_event()["review_written"]
event = decode(kind, encode(replace(example_of(kind), reader_id=reader.id, region="510903100208", reason="late")))
[handler] = [one for one in handlers_of(Worker) if one.subscription.event is kind]
inbox.handle(database, handler.name, [Received(new_id(), event)], handler.list_handler(getattr(Worker(), handler.method)))
client = Client(create_app("notify", api, database=database, keys=keys).test_client(), keys)
shown = {who: client.get("/v1/notices", by=one, headers={"Accept-Language": "en"}).json["items"]
         for who, one in (("reader", reader), ("administrator", administrator))}
print(json.dumps({"queue": handler.subscription.queue, "shown": shown}))
"""


def published_language(folder: Path, entry: str) -> dict[str, str]:
    """A copy of contracts with one event and one notice more, and the environment that makes programs import it."""
    shutil.copytree(Path(contracts.__file__).parent, folder / "contracts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "contracts" / "reviews.py").write_text(EVENT)
    (folder / "contracts" / "notices" / "reviews.toml").write_text(entry)
    return os.environ | {"PYTHONPATH": str(folder)}


def test_notice_of_a_new_event_is_delivered_by_one_entry(tmp_path: Path, database_of: Callable[[str, str], str]) -> None:
    environment = published_language(tmp_path, ENTRY)
    url = database_of("notify", "notify_new_notice")
    outcome = subprocess.run([sys.executable, "-c", HEAR, url], env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert found["queue"] == "notify.reviews.review_written.v1"
    [to_reader], [to_administrator] = found["shown"]["reader"], found["shown"]["administrator"]
    assert (to_reader["kind"], to_reader["side"], to_reader["title"]) == ("review_written", "giver", "A review")
    assert to_reader["text"].endswith(" stars: it came late, 17:30 on 20 March")
    assert to_reader["facts"]["region"] == "510903100"
    assert (to_administrator["title"], to_administrator["facts"]["region"]) == ("A review in your region", "510903100208")


@pytest.mark.parametrize(
    ("program", "right", "wrong", "fault"),
    [
        ("notify.worker", "[review_written]", "[review_read]", "notices/reviews.toml: review_read: reviews has no event review_read"),
        ("notify.api", '"stars", ', '"points", ', "giver: ReviewWritten has no field points to show"),
        ("notify.api", "{{ stars }} 星，", "{{ points }} 星，", "review_written: giver: the words name points, which is no fact of it"),
        ("deploy.generate", 'administrator.en = ["A review in your region", "{{ stars }} stars"]', "", "missing required field `en`"),
    ],
)
def test_programs_do_not_start_with_a_faulty_entry(tmp_path: Path, program: str, right: str, wrong: str, fault: str) -> None:
    assert right in ENTRY
    environment = published_language(tmp_path, ENTRY.replace(right, wrong))
    arguments = ["-m", program, "--check"] if program == "deploy.generate" else ["-c", f"import {program}"]
    outcome = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert fault in outcome.stderr
