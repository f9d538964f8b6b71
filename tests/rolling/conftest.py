"""The servers that a rolling restart happens beside."""

import sys

from tests.faults.conftest import victims
from tests.faults.scene import HOUSE

sys.path.insert(0, str(HOUSE))

__all__ = ["victims"]
