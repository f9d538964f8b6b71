"""Preferences: over which channels somebody is told of which kinds, when nobody may disturb them, and the digest."""
