"""What matching answers about photos, thanks, ratings, reliability and appeals."""

from apiflask import APIBlueprint

from matching.trust.api import photos, thanks

api = APIBlueprint("trust", __name__)
for part in (photos, thanks):
    api.register_blueprint(part.api)
