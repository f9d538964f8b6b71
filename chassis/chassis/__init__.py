"""What every service stands on: settings, database, outbox and inbox, events, HTTP, who may do what."""
