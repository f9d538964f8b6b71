"""Collection points, as users publishes them: where goods of a village are brought or sent."""
