"""The balance of what waits and what is offered, by region and category: kept, asked for, told."""
