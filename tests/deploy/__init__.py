"""Tests of the chart and the platform against the code."""
