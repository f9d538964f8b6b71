"""Answers by SMS about needs, carried out as acts of the household by the rules of the API."""
