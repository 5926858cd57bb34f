"""The seeded families of worlds."""
