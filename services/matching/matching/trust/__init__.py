"""Why people may rely on each other: photos of what moved, thanks, ratings, how reliably somebody gives, and appeals against it."""
