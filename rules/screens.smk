"""Stage screens."""
