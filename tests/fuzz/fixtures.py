"""Fixtures that yield the stage of every service in turn."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.data.database import new_id
from chassis.testing.fixtures import RolledBack
from deploy.services import services
from tests.fuzz.seeds import SEEDS, make_one_of_everything
from tests.fuzz.stage import GENEROUS, Stage
from users.sessions.tokens import SigningKeys


class Signing(SigningKeys):
    """The keys of users, which sign for sessions that nobody started."""

    def token(self, user_id: UUID, kind: str, session_id: UUID | None = None, *more: Any, **stated: Any) -> str:
        return super().token(user_id, kind, session_id or new_id(), *more, **stated)


@pytest.fixture(scope="session")
def signing() -> Signing:
    key = ec.generate_private_key(ec.SECP256R1())
    return Signing([key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())])


@pytest.fixture(scope="session", params=[name for name, service in services().items() if service.answers])
def stage(request: pytest.FixtureRequest, database_of: Callable[[str, str], str], signing: Signing) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        for name, figure in GENEROUS.items():
            patch.setenv(name, figure)
        database = RolledBack(database_of(request.param, f"{request.param}_fuzz"), name="fuzz")
        with database.trial():
            stage = Stage(request.param, database, signing)
            stage.hear_of_everything()
            SEEDS.get(stage.service, make_one_of_everything)(stage)
            stage.park_something()
            stage.look_around()
            yield stage
        database.close()
