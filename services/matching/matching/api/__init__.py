"""What matching answers over HTTP."""

from apiflask import APIBlueprint

from matching.api import answers, delivery, matches, slips, suggestions
from matching.balance import api as balance
from matching.disputes import api as disputes
from matching.lessons import api as lessons
from matching.trust import api as trust
from matching.weights import api as weights

api = APIBlueprint("matching", __name__, url_prefix="/v1")
for part in (matches, answers, suggestions, delivery, slips, balance, weights, lessons, disputes, trust):
    api.register_blueprint(part.api)
