"""Answers by SMS about matches, carried out as acts of whoever was asked by the rules of the API."""
