"""Every operation of staff leaves an entry in the audit log about the person whose data it shows or changes."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import select

from chassis.data.audit_log import AuditEntry
from chassis.http import shown
from chassis.testing.fixtures import Person
from chassis.testing.twins import unguarded
from tests.fuzz.cases import act_of, body_schema, operations_of, plausible
from tests.fuzz.stage import Stage, collection_of
from tests.fuzz.test_allowed import call

OWN = "shows and changes what is the caller's own alone"
NOTHING_PERSONAL = "shows nothing about people"
NOT_RECORDED = {
    "users": {
        "get_me": OWN, "get_account": "shows others masked", "list_sessions": OWN, "end_listed_session": OWN, "end_all_sessions": OWN,
        **dict.fromkeys(
            ("edit_me", "change_password", "list_own_assignments", "get_second_factor", "offer_second_factor", "request_phone_change",
             "request_email_change", "change_email", "remove_email",
             "give_second_factor", "confirm_second_factor", "renew_recovery_codes", "change_phone", "refuse_appointment",
             "confirm_appointment", "export_me", "erase_me"),
            OWN,
        ),
        **dict.fromkeys(("list_managed_places", "add_place", "change_place", "confirm_place", "refuse_place"), NOTHING_PERSONAL),
        **dict.fromkeys(
            ("register_institution", "list_institutions", "get_institution", "list_institution_versions", "edit_institution",
             "end_institution"),
            NOTHING_PERSONAL,
        ),
        **dict.fromkeys(
            ("send_table", "list_imports", "get_import", "check_import", "confirm_import", "download_import_rows"),
            "is recorded about a table, not about a person; services/users/tests/test_imports.py shows the entries",
        ),
        **dict.fromkeys(
            ("save_import_mapping", "list_import_mappings", "get_import_mapping", "remove_import_mapping"), NOTHING_PERSONAL
        ),
        "import_regions": NOTHING_PERSONAL,
        "get_household_erasure": "needs a household that is to be erased; services/users/tests/test_erasure.py shows the entry",
        "remove_second_factor": "needs somebody with a factor; services/users/tests/test_second_factor.py shows its entry",
    },
    "needs": {
        **dict.fromkeys(
            ("send_need_table", "list_need_imports", "get_need_import", "check_need_import", "confirm_need_import",
             "download_need_import_rows"),
            "is recorded about a table, not about a person; services/needs/tests/test_need_imports.py shows the entries",
        ),
        "report_need": "adds a report of the caller's own, and shows nothing",
        "get_pledge": OWN,
        "list_own_faults": OWN,
        **dict.fromkeys(("get_limits", "set_limits", "get_catalogue_rules", "get_charity", "get_review_settings"), NOTHING_PERSONAL),
        **dict.fromkeys(
            ("set_catalogue_rules", "name_charity", "change_charity", "end_charity", "set_review_settings"),
            "is recorded about a region, not about a person; services/needs/tests/test_catalogue.py and test_charities.py show the entries",
        ),
        "read_need_list": "takes a file; services/needs/tests/test_need_lists.py shows the entry",
        "list_silent_villages": NOTHING_PERSONAL, "list_need_photos": "lists no picture", "get_need_photo": "shows no picture",
        "make_draft": "is recorded where it names a household, as the other operations on drafts",
        "renew_need": "needs a published need that the caller posted; services/needs/tests/test_life.py shows the entry",
        "get_guide": "needs an item; services/needs/tests/test_guide.py shows the entry",
    },
    "matching": {
        "get_weights": NOTHING_PERSONAL, "set_weights": NOTHING_PERSONAL, "get_reliability": OWN,
        "list_own_marks": OWN, "get_mark": OWN, "appeal_mark": OWN, "list_own_appeals": OWN,
        "list_photos": "lists no picture", "get_photo": "shows no picture",
    },
    "notify": {
        **dict.fromkeys((
                "list_notices", "count_unread_notices", "get_notice", "read_notice", "read_notices", "get_notice_preferences",
                "set_notice_preferences", "make_stream_ticket", "stream_notices",
            ),
            OWN,
        ),
        "get_push_key": NOTHING_PERSONAL,
        **dict.fromkeys(("list_push_subscriptions", "add_push_subscription", "get_push_subscription", "remove_push_subscription"), OWN),
        **dict.fromkeys(("get_wechat_link", "add_wechat_link", "remove_wechat_link"), OWN),
        **dict.fromkeys(("list_message_failures", "count_message_failures", "list_endpoint_deliveries"), NOTHING_PERSONAL),
        **dict.fromkeys(
            ("list_endpoints", "get_endpoint", "list_notice_templates", "get_notice_template", "preview_notice_template"), NOTHING_PERSONAL
        ),
        **dict.fromkeys(
            ("register_endpoint", "change_endpoint", "remove_endpoint", "test_endpoint", "prove_endpoint", "rotate_endpoint_secret",
             "resend_deliveries"),
            "is recorded about a region, not about a person; services/notify/tests/test_endpoints.py shows the entries",
        ),
        "set_notice_template": "is recorded about a region, not about a person; services/notify/tests/test_templates.py shows the entry",
        "resend_messages": "is recorded about no person; services/notify/tests/test_message_routes.py shows the entry",
        "tell_households": "is recorded line by line, as `tell_household`; services/notify/tests/test_work_list.py shows the entries",
    },
}  # fmt: skip
"""Operations that staff may call and that record nothing, with the reason."""


def operations_of_staff(stage: Stage) -> Iterator[tuple[str, Any]]:
    """Yield the operations that staff may call, but for those that record nothing."""
    exempt = NOT_RECORDED.get(stage.service, {}).keys() | {
        name.format(stage.service) for name in ("list_{}_dead_letters", "get_{}_dead_letter", "list_{}_audit_entries")
    }
    found = {operation.definition.raw["operationId"]: operation for operation in operations_of(stage)}
    assert exempt <= found.keys(), "an operation that is gone"
    for name, operation in found.items():
        if "staff" in operation.definition.raw["x-who"] and act_of(operation) not in exempt:
            yield name, operation


def is_recorded(stage: Stage, name: str, operation: Any) -> bool:
    """Tell whether somebody of the staff can carry the operation out with an entry about another person."""
    collection = collection_of(operation.path)
    known = sorted({item["id"] for (_, place), items in stage.seen.items() if place == collection for item in items if "id" in item})
    for person in (stage.people["staff"], stage.agent, stage.operator):
        for identifier in known if "{" in operation.path else [""]:
            with stage.database.case():
                if carry_out(stage, person, operation, identifier) < 300 and has_entry(stage, act_of(operation), person):
                    return True
    return False


def carry_out(stage: Stage, person: Person, operation: Any, identifier: str) -> int:
    if operation.method != "get":
        return call(stage, person, operation, identifier) if identifier else post(stage, person, operation)
    path = "/".join(identifier if part.startswith("{") else part for part in operation.path.split("/"))
    return int(stage.client.get(path, by=person).status_code)


def post(stage: Stage, person: Person, operation: Any) -> int:
    """Post what is required, then one more known field, then all of them; return the first good status, else the last."""
    properties = body_schema(operation).get("properties", {})
    known = stage.recipes.get((act_of(operation), person.kind), {})
    more = {name: stage.good(name, person.kind)[0] for name in properties if stage.words.get(name)} | known
    more |= {name: schema["enum"][0] for name, schema in properties.items() if "enum" in schema}
    status = 0
    for turn in range(2):
        required = plausible(stage, operation, person.kind, turn)
        for body in ({}, *({name: value} for name, value in more.items()), more):
            if (status := stage.client.post(operation.path, body | required | known, by=person).status_code) < 300:
                return status
    return status


def has_entry(stage: Stage, name: str, person: Person) -> bool:
    query = select(AuditEntry).where(AuditEntry.act == name, AuditEntry.actor_id == person.id)
    with stage.database.begin() as session:
        found = session.scalars(query).all()
    assert all(entry.person_id != person.id for entry in found)
    return any(entry.person_id is not None for entry in found) or (bool(found) and "dead_letter" in name)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_noted", [True, unguarded(False, "without notes, nobody knows what answers showed")])
def test_every_operation_of_staff_is_recorded(stage: Stage, monkeypatch: pytest.MonkeyPatch, is_noted: bool) -> None:
    if not is_noted:
        monkeypatch.setattr(shown, "record_shown", lambda session, caller, act: None)
    missing = (name for name, operation in operations_of_staff(stage) if not is_recorded(stage, name, operation))
    # Without notes the first one is enough.
    assert " ".join(missing if is_noted else islice(missing, 1)) == ""
