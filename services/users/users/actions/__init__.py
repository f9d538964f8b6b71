"""Actions of users: one function per use case, in the caller's transaction. Each changes rows and adds events to the outbox."""
