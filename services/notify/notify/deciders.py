"""Who is told that something waits to be decided in a region: the nearest of its administrators who may."""

from collections.abc import Collection, Mapping
from uuid import UUID

CITY, COUNTY = 4, 6
"""Digits of their codes: what is the county's is decided there or in a region around it."""


def deciders_for(region: str, involved: Collection[UUID], managers: Mapping[str, set[UUID]]) -> set[UUID]:
    """Those appointed nearest to the region who took no part; nobody where there is no such one.

    `managers` are those in office, by the region of their appointment.
    """
    around = sorted((managed for managed in managers if region.startswith(managed)), key=len, reverse=True)
    return next((free for managed in around if (free := managers[managed] - set(involved))), set())
