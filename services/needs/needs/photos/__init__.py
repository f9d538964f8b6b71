"""Photos of needs: the thing or place in need, and the signed slip by which a household agreed to a post on its behalf."""
