"""One-time codes that prove a phone: asked for, sent by notify, tried, used."""
