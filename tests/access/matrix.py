"""Requests of every caller to every operation, and what is wrong with the answers."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from chassis.http.auth import GIVERS
from matching.clearing import actions as clearing
from tests.access.callers import Caller, everybody, list_callers, resolve
from tests.fuzz.cases import act_of, body_schema, is_change, operations_of, plausible
from tests.fuzz.seeds import SEEDS, add_account, make_one_of_everything
from tests.fuzz.stage import Stage, collection_of

TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("operations.toml").read_text())
ELSEWHERE = "520102016001"
REFUSED = {401, 403, 404}
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WRITES = text("SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables WHERE schemaname = 'public'")
_INSTANCE = re.compile(r'"instance":\s*"[^"]*"|retry: \d+|\d+:\d+:[\d,]*')
"""What differs from answer to answer: ids of requests, and where a stream begins."""


def text_of(answer: Any) -> str:
    """Return the body of an answer as text; what is no text in it, as in photos, is replaced."""
    return str(answer.get_data().decode(errors="replace"))


@dataclass(frozen=True)
class Target:
    """A thing of our village that an operation is tried on: its id, its giver, the table's row that judges it, fields that go with it."""

    identifier: str
    giver: str
    row: Mapping[str, Any]
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Matrix:
    """The stage of our village, another village beside it in the same database, and everybody who calls."""

    stage: Stage
    whole: bool
    sent: int = 0
    faults: list[str] = field(default_factory=list)
    came: set[str] = field(default_factory=set)
    carried_out: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    theirs: Stage = field(init=False)
    callers: list[Caller] = field(init=False)

    def __post_init__(self) -> None:
        self.theirs = Stage(self.stage.service, self.stage.database, self.stage.keys, ELSEWHERE)
        self.callers = list_callers(self.stage, self.theirs)
        self.operations = {operation.definition.raw["operationId"]: operation for operation in operations_of(self.stage)}
        self.private = self._find_private()

    def check_all(self) -> None:
        """Send every operation as every caller; in a short run as a share of them that changes from operation to operation."""
        if self.stage.service == "users":
            for number, person in enumerate(everybody(self.theirs)):
                add_account(self.stage, person, f"1370000{number:04}")
        for number, operation in enumerate(self.operations.values()):
            for target in self.targets(operation):
                allowed = resolve(target.row, operation.method, self.callers, target.giver)
                for caller in self._share(allowed, number):
                    self.check(operation, target, caller, is_allowed=caller.name in allowed)

    def check(self, operation: Any, target: Target, caller: Caller, *, is_allowed: bool) -> None:
        """Send one request, rolled back, and note what is wrong with its answer."""
        name = operation.definition.raw["operationId"]
        with self.stage.database.case():
            before = self._count_writes()
            answer = self.send(operation, target, caller)
            has_written = self._count_writes() != before
        problem = answer.get_json(silent=True)
        code = problem.get("code", "") if isinstance(problem, dict) else ""
        is_refused = answer.status_code in REFUSED or code in target.row.get("refusals", ())
        said = f"{name} by {caller.name} of {target.giver}'s {target.identifier[-4:]}: {answer.status_code} {code}"
        if is_refused == is_allowed or answer.status_code >= 500:
            self.faults.append(said)
        if is_refused and has_written:
            self.faults.append(f"{said}, and wrote")
        if not target.row.get("open") and not caller.is_ours and self._find_leaks(text_of(answer), target):
            self.faults.append(f"{said}, and told ids of ours")
        if answer.status_code < 300:
            self.carried_out.add(name)
        self.sent += 1
        self.came.add(caller.name)
        self.answers[answer.status_code] += 1

    def send(self, operation: Any, target: Target, caller: Caller) -> Any:
        """Send an operation on a thing, with a plausible body."""
        kind = caller.person.kind if caller.person and caller.person.kind in self.stage.people else "staff"
        headers = {"If-Match": "*"} if is_change(operation) else {}
        if caller.person:
            headers["Authorization"] = (
                f"Bearer {self.stage.keys.token(caller.person.id, caller.person.kind, caller.person.session_id, **caller.person.claims)}"
            )
        return self.stage.flask.open(
            "/".join(target.identifier if part.startswith("{") else part for part in operation.path.split("/")),
            method=operation.method.upper(),
            headers=headers,
            query_string=self._query(operation, target, kind),
            **self._body(operation, target, kind),
        )

    def read_everything(self) -> dict[str, str]:
        """Read every list, and each thing of ours, as each of ours who is not above both villages; leave out what is for everybody.

        In a short run a third of the callers reads each, in turn.
        """
        read = {}
        every = 1 if self.whole else 3
        for number, (name, operation) in enumerate(self.operations.items()):
            if operation.method != "get":
                continue
            for target in self.targets(operation):
                for caller in self.callers[number % every :: every]:
                    if caller.is_ours and caller.name != "country" and not target.row.get("open"):
                        # Undone, because some reads are recorded where others of ours read them.
                        with self.stage.database.case():
                            answer = self.send(operation, target, caller)
                        read[f"{name} {target.identifier} by {caller.name}"] = _INSTANCE.sub("", text_of(answer))
        self.sent += len(read)
        return read

    def read_lists(self, name: str) -> dict[str, str]:
        """Read every list that is not for everybody as one caller."""
        [caller] = [caller for caller in self.callers if caller.name == name]
        read = {}
        for operation in self.operations.values():
            if operation.method == "get" and "{" not in operation.path and not self.rows(operation)[0].get("open"):
                with self.stage.database.case():
                    read[operation.path] = text_of(self.send(operation, Target("", "donor", {}), caller))
        return read

    def clear_waiting(self) -> None:
        """Let matching propose what waits in our village, so that nothing of ours changes when the other village is filled."""
        if self.stage.service == "matching":
            with self.stage.database.begin() as session:
                while clearing.clear(session, timedelta(days=3)).due:
                    pass

    def settle_elsewhere(self) -> None:
        """Fill the other village as ours is filled."""
        self.theirs.hear_of_everything()
        SEEDS.get(self.theirs.service, make_one_of_everything)(self.theirs)

    def rows(self, operation: Any) -> list[Mapping[str, Any]]:
        """Return the rows of an operation, one for each kind of thing. `POST …/change` has those of its PATCH."""
        found = TABLE[act_of(operation)]
        return found if isinstance(found, list) else [found]

    def targets(self, operation: Any) -> Iterator[Target]:
        """Yield the things that an operation is tried on: of each row one of each giver; one only in a short run."""
        for row in self.rows(operation):
            found = list(self._things(operation, row))
            assert found, f"there is nothing to try {operation.label} on"
            yield from found if self.whole else found[:1]

    def _things(self, operation: Any, row: Mapping[str, Any]) -> Iterator[Target]:
        place, name = collection_of(operation.path), act_of(operation)
        recipes = {kind: recipe for (operation_id, kind), recipe in self.stage.recipes.items() if operation_id == name}
        if recipes:
            parameter = operation.path.partition("{")[2].partition("}")[0]
            for kind, recipe in sorted(recipes.items(), key=lambda item: item[0] != "donor"):
                fields = {name: recipe[name] for name in recipe if name != parameter}
                yield Target(recipe.get(parameter, ""), kind or "donor", row, fields)
            return
        if "{" not in operation.path or "{code}" in operation.path:
            yield Target(self.stage.words["region_code"][0] if "{" in operation.path else "", "donor", row)
            return
        ready = {
            str(item["id"])
            for (_, seen), items in self.stage.seen.items()
            if seen == place
            for item in items
            if name in item.get("allowed", [])
        }
        tried: set[str] = set()
        givers = sorted(GIVERS & {caller.name for caller in self.callers}, key=lambda kind: kind != "donor")
        for owner in [*givers, "household", "staff"]:
            items = [item for item in self.stage.seen[owner, place] if self._is_of(item, row)]
            items.sort(key=lambda item: (str(item["id"]) not in ready, name not in item.get("allowed", []), not item.get("allowed")))
            fresh = [identifier for item in items if (identifier := str(item["id"])) not in tried]
            if fresh and (owner in givers or not tried):
                tried.add(fresh[0])
                yield Target(fresh[0], owner, row)

    def _is_of(self, item: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        """Tell whether a thing is of the kind that a row is about; `our household` is a person's id."""
        people = {f"our {kind}": str(person.id) for kind, person in self.stage.people.items()}
        return all(item.get(key) == people.get(value, value) for key, value in row.get("of", {}).items())

    def _share(self, allowed: set[str], number: int) -> list[Caller]:
        if self.whole:
            return self.callers
        with_right = [caller for caller in self.callers if caller.name in allowed]
        without = [caller for caller in self.callers if caller.name not in allowed]
        shares = ((with_right, min(1, len(with_right))), (without, min(3, len(without))))
        return [group[(count * number + step) % len(group)] for group, count in shares for step in range(count)]

    def _query(self, operation: Any, target: Target, kind: str) -> dict[str, Any]:
        needed = set(target.row.get("query", ())) | {
            one["name"] for one in operation.definition.raw.get("parameters", []) if one["in"] == "query" and one.get("required")
        }
        known = {name: values[0] for name in needed if (values := self.stage.good(name, kind))}
        return known | {name: target.recipe[name] for name in needed & target.recipe.keys()} | target.row.get("asked", {})

    def _body(self, operation: Any, target: Target, kind: str) -> dict[str, Any]:
        takes = operation.definition.raw.get("requestBody", {}).get("content", {})
        if file := self.stage.file_for(operation.definition.raw["operationId"], takes):
            return dict(zip(("content_type", "data"), file, strict=True))
        if not takes:
            return {}
        row, is_staff = target.row, kind == "staff"
        body = plausible(self.stage, operation, kind)
        for name in (*row.get("fields", ()), *(row.get("staff_fields", ()) if is_staff else ())):
            assert name in body_schema(operation)["properties"]
            body[name] = self.stage.good(name, kind)[0]
        return {"json": body | row.get("body", {}) | (row.get("staff_body", {}) if is_staff else {}) | dict(target.recipe)}

    def _count_writes(self) -> int:
        """Count the rows written in this transaction, those that were rolled back included, apart from the audit log's."""
        return int(self.stage.database.found(_WRITES)[0][0])

    def _find_leaks(self, told: str, target: Target) -> set[str]:
        return set(UUIDS.findall(_INSTANCE.sub("", told))) & self.private - {target.identifier}

    def _find_private(self) -> set[str]:
        """Find the ids of our things and people that an anonymous caller does not read; the country's administrator is everybody's."""
        seen = " ".join(str(item) for items in self.stage.seen.values() for item in items)
        ids = set(UUIDS.findall(seen)) | {one for heard in self.stage.heard.values() for one in heard}
        ids |= {str(person.id) for person in self.stage.people.values()}
        anonymous = Caller("anonymous", None, is_ours=False)
        public = " ".join(
            text_of(self.send(operation, Target("", "donor", {}), anonymous))
            for operation in self.operations.values()
            if operation.method == "get" and "{" not in operation.path
        )
        return ids - set(UUIDS.findall(public)) - {str(self.stage.operator.id)}
