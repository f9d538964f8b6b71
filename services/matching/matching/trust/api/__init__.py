"""What matching answers about photos, thanks, ratings, reliability and appeals."""

from apiflask import APIBlueprint

from matching.trust.api import appeals, photos, ratings, reliability, thanks

api = APIBlueprint("trust", __name__)
for part in (photos, thanks, ratings, reliability, appeals):
    api.register_blueprint(part.api)
