"""What users can do: one function a use case; each changes rows and leaves word in the outbox, in the caller's transaction."""
