"""Collection points: where givers bring or send goods. Everything about them is public."""
