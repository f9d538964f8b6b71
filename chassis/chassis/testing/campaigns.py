"""Campaigns: `make check` sets CAMPAIGN and runs them whole, `make test` shortens them or leaves them out."""

import os

import pytest

WHOLE = "CAMPAIGN" in os.environ
only_whole = pytest.mark.skipif(not WHOLE, reason="CAMPAIGN=1 runs it")
