"""What `python -m bench.gpu` measures, one module per part."""
