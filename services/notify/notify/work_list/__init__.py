"""The work list of a village on paper: what its administrator has to tell which household, because neither app nor SMS reached it."""
