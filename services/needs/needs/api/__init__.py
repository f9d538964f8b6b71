"""The HTTP API of needs."""

from apiflask import APIBlueprint

from needs.api import needs, pledges
from needs.catalogue import api as catalogue
from needs.charities import api as charities
from needs.limits import api as limits

api = APIBlueprint("needs", __name__, url_prefix="/v1")
for part in (catalogue, charities, needs, pledges, limits):
    api.register_blueprint(part.api)
