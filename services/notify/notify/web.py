"""The HTTP process of notify: `python -m chassis.http notify`."""

from apiflask import APIFlask

from chassis.http.app import create_app
from notify.api import api
from notify.settings import EndpointSettings, PushSettings, ReportSettings, WorkListSettings

SETTINGS = (ReportSettings, WorkListSettings, PushSettings, EndpointSettings)


def create() -> APIFlask:
    return create_app("notify", api)
