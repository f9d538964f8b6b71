"""Plain peers that the benches compare with."""
