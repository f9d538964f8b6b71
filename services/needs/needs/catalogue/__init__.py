"""The catalogue: what can be asked for and pledged, how much of it, and what cannot."""

from needs.catalogue.defaults import catalogue, choose_kind, has_best_before, kinds_below, unit_of, units_below

__all__ = ["catalogue", "choose_kind", "has_best_before", "kinds_below", "unit_of", "units_below"]
