"""Which scores a table or figure needs: plain data, read when the workflow is parsed."""

NEEDS: dict[str, tuple[str, ...]] = {
    **{f"table{number}": ("gene_gene",) for number in (1, 3, 4, 5, 6, 7)},
    "table2": ("compound_gene",),
    "table8": ("plate_probe",),
    "figure1": ("gene_gene",),
    "figure3": ("compound_gene",),
}

# Read too where the run computes them anyway.
ALSO: dict[str, tuple[str, ...]] = {"table8": ("gene_gene",)}

# Tables that compare variants of one method: with fewer than two rows beside chance they say nothing.
COMPARISONS = ("table3", "table4", "table5", "table6")

# Benchmarks that need embeddings of wells; a finished map has none.
OF_WELLS = ("plate_probe", "replicate_map", "signal")


def scored(kind: str, benchmark: str) -> bool:
    """Whether a row of this kind can have scores of a benchmark."""
    return kind != "quoted" and not (kind == "map" and benchmark in OF_WELLS)
