"""What matching can do besides clearing: one function a use case; each leaves word in the outbox, in the caller's transaction."""
