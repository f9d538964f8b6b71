"""HTTP routes of matches: reading, answering, delivering."""

from apiflask import APIBlueprint

from matching.matches.api import answers, delivery, matches

api = APIBlueprint("matches_api", __name__)
for part in (matches, answers, delivery):
    api.register_blueprint(part.api)
