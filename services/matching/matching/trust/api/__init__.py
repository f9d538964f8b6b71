"""What matching answers about photos, thanks, ratings, reliability and appeals."""

from apiflask import APIBlueprint

from matching.trust.api import photos

api = APIBlueprint("trust", __name__)
for part in (photos,):
    api.register_blueprint(part.api)
