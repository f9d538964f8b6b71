"""Messaging: publishing events through the outbox, handling them once through the inbox."""
