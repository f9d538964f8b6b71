"""HTTP routes of reliability, its events and appeals."""

from apiflask import APIBlueprint

from matching.appeals.api import appeals, reliability

api = APIBlueprint("appeals_api", __name__)
for part in (reliability, appeals):
    api.register_blueprint(part.api)
