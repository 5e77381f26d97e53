"""Stage embeddings."""
