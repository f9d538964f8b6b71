"""Samples: verified needs drawn by chance, which the county checks again."""
