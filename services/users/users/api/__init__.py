"""The HTTP API of users."""

from apiflask import APIBlueprint

from users.api import accounts, appointments, households, regions, sessions

api = APIBlueprint("users", __name__, url_prefix="/v1")
for part in (regions, accounts, sessions, appointments, households):
    api.register_blueprint(part.api)
