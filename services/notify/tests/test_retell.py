"""What notify tells anew is what it told live."""

from chassis.testing.fixtures import RolledBack, assert_retold
from contracts.matching import MatchAccepted
from notify.snapshots import SNAPSHOTS

from .conftest import example, proposal, tell


def test_notices_are_told_anew_as_they_were_told(database: RolledBack) -> None:
    tell(database, proposal(), proposal(), example(MatchAccepted))
    assert len(assert_retold(database, SNAPSHOTS)) == 6
