"""Images: one for each service, its pins, its build, its run on a laptop."""
