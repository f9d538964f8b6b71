"""The HTTP API of needs."""

from apiflask import APIBlueprint

from needs.api import items, needs, pledges

api = APIBlueprint("needs", __name__, url_prefix="/v1")
for part in (items, needs, pledges):
    api.register_blueprint(part.api)
