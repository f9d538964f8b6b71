"""How fast matching brings needs and pledges together, beside the plain ways to do the same."""
