"""Programs that check the chart, each from a package pinned here."""
