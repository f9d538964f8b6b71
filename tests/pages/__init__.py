"""The pages of clients/web in a real browser, on the embedded house with its sandbox."""
