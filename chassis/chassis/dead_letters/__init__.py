"""Events that a listener could not handle: parked in its own database until somebody replays or drops them."""
