"""The HTTP process of the pantry."""

from apiflask import APIFlask

from chassis.http.app import create_app
from pantry.api import api


def create() -> APIFlask:
    return create_app("pantry", api)
