"""Cross-Well Aligned Masked Siamese Networks for Cell Painting: the library behind the workflow.

Stages, in the direction data flows: screens, crops, training, embeddings, alignment, benchmarks, reporting.
A stage may use :mod:`cwamsn.tables`, :mod:`cwamsn.files` and the public face of an earlier stage, never a later one.
"""

__version__ = "0.1.0"
