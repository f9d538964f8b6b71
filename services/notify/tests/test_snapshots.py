"""Republished notices equal those that were published first."""

from chassis.testing.fixtures import RolledBack, assert_retold
from contracts.matching import MatchAccepted
from notify.snapshots import SNAPSHOTS

from .conftest import example, proposal, write_notices


def test_republished_notices_equal_the_first_ones(database: RolledBack) -> None:
    write_notices(database, proposal(), proposal(), example(MatchAccepted))
    assert len(assert_retold(database, SNAPSHOTS)) == 6
