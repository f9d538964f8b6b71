"""The guide while posting: what is allowed and typical here, what waits and what is offered, and advice, which refuses nothing."""
