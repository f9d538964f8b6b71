"""The HTTP API of needs."""

from apiflask import APIBlueprint

from needs.api import items, needs, pledges
from needs.limits import api as limits

api = APIBlueprint("needs", __name__, url_prefix="/v1")
for part in (items, needs, pledges, limits):
    api.register_blueprint(part.api)
