"""The figures of published needs, told to whoever shows them live."""
