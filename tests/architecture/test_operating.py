"""The operators' page says what there is."""

import dataclasses
import re
from pathlib import Path

from prometheus_client import REGISTRY

from chassis import metrics
from chassis.commands import commands
from chassis.settings import Settings, WebSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs/operating.md").read_text("utf-8")


def test_every_setting_of_a_process_is_on_the_operators_page() -> None:
    own = {"service", "database_url"}
    names = {field.name for kind in (Settings, WebSettings) for field in dataclasses.fields(kind)} - own
    assert {name.upper() for name in names if f"`{name.upper()}`" not in PAGE} == set()


def test_the_page_names_every_metric_of_the_chassis_and_none_that_is_not_there() -> None:
    assert metrics.outbox_age
    there = {name for name in REGISTRY._names_to_collectors if name.startswith("duijie_")}
    named = set(re.findall(r"`(duijie_[a-z_]+)`", PAGE))
    of_matching = {"duijie_cleared_total", "duijie_proposals_total", "duijie_revised_total", "duijie_audit_offended"}
    assert named - of_matching <= there
    bare = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in there}
    assert bare <= {re.sub(r"_total$", "", name) for name in named}


def test_every_command_is_on_the_operators_page() -> None:
    assert {name for name in commands() if f"`duijie {name} " not in PAGE and f"`duijie {name}`" not in PAGE} == set()
