"""Deployment: the list of services, images, chart, platform, and the house and stack of a laptop."""
