"""An outside listener: counts the published needs of each county."""
