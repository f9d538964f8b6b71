"""The HTTP API of needs."""

from apiflask import APIBlueprint

from needs.api import drafts, needs, pledges, reports, reviews
from needs.catalogue import api as catalogue
from needs.charities import api as charities
from needs.guide import api as guide
from needs.hall import api as hall
from needs.imports import api as imports
from needs.imports import tables_api as import_tables
from needs.life import api as life
from needs.limits import api as limits
from needs.photos import api as photos
from needs.pledge_lists import api as pledge_lists
from needs.review import api as reviewers
from needs.review_settings import api as review_settings
from needs.samples import api as samples

api = APIBlueprint("needs", __name__, url_prefix="/v1")
for part in (
    catalogue,
    charities,
    hall,
    reviews,
    needs,
    reports,
    imports,
    import_tables,
    pledges,
    pledge_lists,
    limits,
    reviewers,
    review_settings,
    samples,
    drafts,
    photos,
    life,
    guide,
):
    api.register_blueprint(part.api)
