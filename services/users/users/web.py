"""The HTTP process of users: `python -m chassis.http users`."""

from apiflask import APIFlask

from chassis.http.app import create_app
from chassis.http.doors import DoorSettings
from users.api import api
from users.codes.settings import CodeSettings
from users.regions.names import load_names
from users.self_reports.settings import PosterSettings
from users.settings import UsersSettings

SETTINGS = (UsersSettings, CodeSettings, DoorSettings, PosterSettings)


def create() -> APIFlask:
    load_names()
    return create_app("users", api, keys=UsersSettings.of_environment().signing_keys)
