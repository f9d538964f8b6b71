"""The hall: published needs by region, category, urgency, words, age and distance, and how many there are."""
