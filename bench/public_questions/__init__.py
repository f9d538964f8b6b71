"""Every question that a guest may ask, with its worst parameters, on tables of a million rows."""
