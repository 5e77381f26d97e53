"""Stage benchmarks."""
