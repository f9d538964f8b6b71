"""Rows of needs that follow a region to its successor, in the order in which acts lock them."""

from chassis.data.region_moves import RegionMove, move_column
from needs.catalogue.model import CatalogueRules
from needs.charities.model import Charity
from needs.guide.model import Balance
from needs.imports.model import Import, ItemName, NeedList
from needs.life.model import Village
from needs.limits.model import LimitSet
from needs.model import Household, Need, Pledge
from needs.review.model import Decision
from needs.review_settings.model import ReviewSettings
from needs.samples.model import Sample, Seed

MOVES = (
    move_column(Household.region),
    move_column(Pledge.region),
    move_column(Need.region),
    # A successor that has set limits of its own keeps them.
    move_column(LimitSet.region, unless="EXISTS (SELECT FROM limits AS there WHERE there.region = change.after)", is_setting=True),
    move_column(
        ReviewSettings.region, unless="EXISTS (SELECT FROM review_settings AS there WHERE there.region = change.after)", is_setting=True
    ),
    move_column(Seed.county, unless="EXISTS (SELECT FROM review_seeds AS there WHERE there.county = change.after)"),
    move_column(Sample.region),
    move_column(Decision.region),
    move_column(
        CatalogueRules.region,
        unless="EXISTS (SELECT FROM catalogue_rules AS there WHERE there.region = change.after)",
        is_setting=True,
    ),
    move_column(
        Charity.region,
        unless="EXISTS (SELECT FROM charities AS there WHERE there.region = change.after"
        " AND there.registration_number = held.registration_number AND there.ended_at IS NULL)",
        is_setting=True,
    ),
    move_column(NeedList.region),
    move_column(Import.region),
    # A name that the successor has settled stays as it is there.
    move_column(
        ItemName.region,
        unless="EXISTS (SELECT FROM item_names AS there WHERE there.region = change.after AND there.written = held.written)",
        is_setting=True,
    ),
    move_column(Balance.region),
    # A successor that is known already has its own silence; the check drops what stays behind.
    move_column(Village.region, unless="EXISTS (SELECT FROM villages AS there WHERE there.region = change.after)"),
    RegionMove(
        (
            "need_listings.region",
            "pledge_listings.region",
            "need_counts.region",
            "need_counts.above",
            "need_count_changes.region",
            "need_figures.region",
        ),
        lambda *_: 0,
    ),
)
"""Listings and counts follow by the triggers on needs and pledges."""
