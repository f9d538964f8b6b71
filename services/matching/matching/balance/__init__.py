"""The balance of waiting needs and open pledges by region, category and unit: kept up to date, queried, published."""
