"""Tables of a run: from the methods' scores to a :class:`Table`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cwamsn.products import TABLES, Product
from cwamsn.reporting.alignments import alignments_table
from cwamsn.reporting.compared import differences_table
from cwamsn.reporting.compound_gene import compound_gene_table
from cwamsn.reporting.context import ContextValues, TableContext, TableMethod, methods_in_table, table_methods
from cwamsn.reporting.further import latent_table, replicates_table, signal_table
from cwamsn.reporting.geometry import geometry_table
from cwamsn.reporting.method_notes import named_lines, notes_by_method
from cwamsn.reporting.morphohelm import morphohelm_table
from cwamsn.reporting.pairs import pairs_table
from cwamsn.reporting.plate_probe import plate_probe_table
from cwamsn.reporting.recall import recall_table
from cwamsn.reporting.scores import read_scores
from cwamsn.reporting.shuffled import shuffled_table
from cwamsn.reporting.stringency import enrichment_table, gene_levels_table, matching_table, retrieval_table
from cwamsn.reporting.table import Table

Builder = Callable[[Product, Sequence[TableMethod], pd.DataFrame, TableContext], Table]
BUILDERS: dict[str, Builder] = {
    "recall": recall_table,
    "compound_gene": compound_gene_table,
    "plate_probe": plate_probe_table,
    "pairs": pairs_table,
    "replicates": replicates_table,
    "retrieval": retrieval_table,
    "enrichment": enrichment_table,
    "gene_levels": gene_levels_table,
    "matching": matching_table,
    "differences": differences_table,
    "morphohelm": morphohelm_table,
    "signal": signal_table,
    "latent": latent_table,
    "alignments": alignments_table,
    "geometry": geometry_table,
    "shuffled": shuffled_table,
}


def make_table(
    name: str,
    methods: Sequence[TableMethod],
    scores: pd.DataFrame,
    context: TableContext,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """Table `name` (a key of :data:`cwamsn.products.TABLES`) of those `methods` that appear in it.

    Parameters
    ----------
    name : name of the table.
    methods : methods of the run, in order.
    scores : see :func:`cwamsn.reporting.read_scores`.
    context : what holds for all tables of the run.
    notes
        What each method's jobs noted about its result; it is printed below the table and beside the method in the CSV.
    """
    product, notes = TABLES[name], notes or {}
    shown = methods_in_table(methods, product)
    table = BUILDERS[product.builder](product, shown, scores, context)
    for row in table.rows:
        if row.measured:
            row.notes = list(notes.get(row.name, ()))
    own = [*context.notes.get(name, ()), *named_lines(notes, {m.name: m.title for m in shown})]
    return replace(table, notes=[*own, *table.notes], run=context.run_title, screen=context.screen)


@dataclass(frozen=True, kw_only=True)
class TableInputs:
    """What the workflow hands over for one table: plain values and files."""

    methods: Sequence[Mapping[str, Any]]
    """See :meth:`TableMethod.from_values`."""
    context: ContextValues
    scores: Sequence[str | Path]
    computations: Sequence[str | Path]
    manifests: Mapping[str, str | Path]
    usage: Mapping[str, Sequence[str | Path]]
    """Measurements of each method's training jobs."""
    notes: Mapping[str, Mapping[int, Sequence[str | Path]]]
    """Files with the notes of each method's jobs, by seed."""

    @classmethod
    def of(cls, job: Any) -> "TableInputs":
        """What a job of the rule `table` has, running or only planned: its `params` and `input`."""
        params = {name: getattr(job.params, name) for name in ("methods", "context", "manifests", "usage", "notes")}
        return cls(**params, scores=list(job.input.scores), computations=list(job.input.computations))

    def make(self, name: str) -> Table:
        """Make the table `name`."""
        methods = table_methods(self.methods, self.computations)
        context = TableContext.from_values(self.context, self.manifests, self.usage)
        return make_table(name, methods, read_scores(self.scores), context, notes_by_method(self.notes))

    def finished(self) -> "TableInputs":
        """The same without the files that are not there."""
        return replace(
            self,
            scores=_there(self.scores),
            computations=_there(self.computations),
            manifests={name: path for name, path in self.manifests.items() if Path(path).exists()},
            notes={m: {seed: _there(paths) for seed, paths in seeds.items()} for m, seeds in self.notes.items()},
        )


def _there(paths: Sequence[str | Path]) -> list[str | Path]:
    return [path for path in paths if Path(path).exists()]
