"""The life of needs: expiry, reminders, renewal, needs that are met, their history, and villages that fall silent."""
