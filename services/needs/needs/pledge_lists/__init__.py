"""Lists of gifts from spreadsheets of givers: read, settled, and offered as pledges."""
