"""Programs that look at the chart: each comes from a package, pinned here."""
