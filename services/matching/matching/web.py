"""The HTTP process of matching: `python -m chassis.http matching`."""

from apiflask import APIFlask

from chassis.http.app import create_app
from matching.api import api
from matching.settings import SlipSettings

SETTINGS = (SlipSettings,)


def create() -> APIFlask:
    return create_app("matching", api)
