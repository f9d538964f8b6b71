"""One image for each service: what it holds, how it is built, how it runs on a laptop."""
