"""Fixtures that yield the stage of every service in turn."""

from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.testing.fixtures import RolledBack
from deploy.services import services
from tests.fuzz.seeds import SEEDS, make_one_of_everything
from tests.fuzz.stage import GENEROUS, Stage
from users.sessions.tokens import SigningKeys


@pytest.fixture(scope="session")
def signing() -> SigningKeys:
    key = ec.generate_private_key(ec.SECP256R1())
    return SigningKeys([key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())])


@pytest.fixture(scope="session", params=[name for name, service in services().items() if service.answers])
def stage(request: pytest.FixtureRequest, database_of: Callable[[str, str], str], signing: SigningKeys) -> Iterator[Stage]:
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
