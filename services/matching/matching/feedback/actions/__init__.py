"""Actions on photos, thanks and ratings."""
