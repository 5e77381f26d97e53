"""Benchmarks: a map (or embeddings) in, a table of scores out; one module per benchmark.

Protocols, readings and the list of metric names: docs/benchmarks.md. `cwamsn.benchmarks.replicates` is imported by its
own name, since it needs the copairs package, which the others do not.
"""

from cwamsn.benchmarks.annotations import relationships
from cwamsn.benchmarks.compound_gene import compound_gene_table, score_compounds
from cwamsn.benchmarks.gene_gene import gene_gene_recall
from cwamsn.benchmarks.plate_probe import probe_plates
from cwamsn.benchmarks.signal import perturbation_signal

__all__ = [
    "compound_gene_table",
    "gene_gene_recall",
    "perturbation_signal",
    "probe_plates",
    "relationships",
    "score_compounds",
]
