"""Duijie on a laptop: the embedded house without a broker, the stack with everything, the sandbox to play in."""
