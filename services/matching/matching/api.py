"""HTTP routes of matching, gathered from its rooms."""

from apiflask import APIBlueprint

from matching.appeals import api as appeals
from matching.balance import api as balance
from matching.disputes import api as disputes
from matching.feedback import api as feedback
from matching.holds import api as holds
from matching.matches import api as matches
from matching.refusals import api as refusals
from matching.slips import api as slips
from matching.suggestions import api as suggestions
from matching.weights import api as weights

api = APIBlueprint("matching", __name__, url_prefix="/v1")
for part in (matches, holds, suggestions, slips, balance, weights, refusals, disputes, feedback, appeals):
    api.register_blueprint(part.api)
