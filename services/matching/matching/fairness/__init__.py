"""Fairness: recent help by village and household, so that those without help come first."""
