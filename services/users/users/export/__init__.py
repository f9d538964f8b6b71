"""Export: people take along what users stores about them."""
