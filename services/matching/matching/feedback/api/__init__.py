"""HTTP routes of photos, thanks and ratings."""

from apiflask import APIBlueprint

from matching.feedback.api import photos, ratings, thanks

api = APIBlueprint("feedback", __name__)
for part in (photos, thanks, ratings):
    api.register_blueprint(part.api)
