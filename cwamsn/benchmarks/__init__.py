"""Benchmarks: a map (or embeddings) in, a table of scores out; one module a benchmark, each a few pure functions.

Protocols, readings and the list of metric names: docs/benchmarks.md. `cwamsn.benchmarks.replicates` is imported by
name, since it needs the copairs package, which the others do not. Names are loaded on first use.
"""

from cwamsn.lazy import lazy_names

_HOME = {
    "compound_gene_table": "compound_gene",
    "gene_gene_recall": "gene_gene",
    "perturbation_signal": "signal",
    "probe_plates": "plate_probe",
    "relationships": "annotations",
    "score_compounds": "compound_gene",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
