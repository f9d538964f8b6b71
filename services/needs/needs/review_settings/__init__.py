"""Settings of verification: the value above which the county verifies too, and the share of needs that it checks again."""
