"""The HTTP process of needs: `python -m chassis.http needs`."""

from apiflask import APIFlask

from chassis.http.app import create_app
from needs.api import api


def create() -> APIFlask:
    return create_app("needs", api)
