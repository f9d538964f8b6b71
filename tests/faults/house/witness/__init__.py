"""A listener of the campaign's own: it keeps one row for each event it handled, so that what is handled twice stands there twice."""
