"""The HTTP process of insight: `python -m chassis.http insight`."""

from apiflask import APIFlask

from chassis.http.app import create_app
from insight.api import api


def create() -> APIFlask:
    return create_app("insight", api)
