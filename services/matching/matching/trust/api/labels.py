"""How people read the words of photos, thanks, ratings and appeals."""

SIDES = {"giver": ("捐赠方", "the giver"), "household": ("受助方", "the household's side")}
PURPOSES = {"evidence": ("交付凭证", "evidence of what moved")}
