"""Stage crops."""
