"""The tables and figures of a run: what each is called, is made from and prints. Light: the Snakefile imports it.

A further table or figure is one more entry of :data:`PRODUCTS`, and a builder where none of those in
`cwamsn/reporting/` (`BUILDERS`, by the name under `builder`) makes it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Product:
    """One table or figure."""

    name: str
    """Name of its files, and of the target that makes it."""
    title: str
    builder: str
    """What makes it: a key of `cwamsn.reporting.BUILDERS`, or of `cwamsn.reporting.figures.FIGURES`."""
    number: int | None = None
    """Methods with this number under `tables` appear in it; None: every method with scores of `needs`."""
    needs: tuple[str, ...] = ()
    """Benchmarks without whose scores it is not made; without these and `any_of`, whatever methods are compared by."""
    any_of: tuple[str, ...] = ()
    """Benchmarks of which the run must compute one at least, where none alone is needed; it prints all of them."""
    also: tuple[str, ...] = ()
    """Benchmarks whose scores it prints where the run computes them anyway."""
    lead: str = ""
    """Columns before the scores, a key of `cwamsn.reporting.recall.LEADS`: they come from the trained encoders."""
    figure: bool = False
    paired: bool = False
    """Whether it reads the paired differences of two methods."""
    compares_variants: bool = False
    """Whether it compares variants of one method, so that it says nothing with fewer than two beside chance."""
    shuffled: bool = False
    """Whether it shows scores beside those with shuffled labels, which `shuffled_labels.draws` asks for."""
    of_features: bool = False
    """Whether only methods on the features of another one appear in it, beside that one."""
    needs_sizes: bool = False
    """Whether only methods whose numbers of parameters are known appear in it."""

    @property
    def scored_by(self) -> tuple[str, ...]:
        """Benchmarks of which a method needs one to appear in it."""
        return self.needs or self.any_of

    def can_be_made_of(self, benchmarks: Collection[str]) -> bool:
        """Whether these benchmarks are enough for it."""
        one = not self.any_of or any(name in benchmarks for name in self.any_of)
        return one and all(name in benchmarks for name in self.needs)

    def benchmarks(self, computed: Collection[str]) -> list[str]:
        """Benchmarks whose scores it reads, where a run computes these."""
        found = [*self.needs, *(name for name in (*self.any_of, *self.also) if name in computed)]
        return found or list(self.any_of[:1])

    @property
    def minimum(self) -> int:
        """Fewest methods with which it is worth making."""
        return 2 if self.compares_variants else 1

    @property
    def shows_chance_alone(self) -> bool:
        """Whether random numbers count as one of those methods."""
        return not self.compares_variants and not self.needs_sizes

    @property
    def prints_sizes(self) -> bool:
        """Whether it reads the counts of trained encoders (`computation.json`)."""
        return bool(self.lead) or self.needs_sizes

    @property
    def timed(self) -> bool:
        """Whether it prints training times: equal runs differ in it, except in its CSV."""
        return self.lead == "hours"


def _recall(number: int, title: str, **options: Any) -> Product:
    name, title = f"table{number}", f"Table {number}. {title}"
    return Product(
        name=name, title=title, builder="recall", number=number, needs=("gene_gene",), paired=True, **options
    )


PRODUCTS: dict[str, Product] = {
    product.name: product
    for product in (
        # first, where a simulated screen has it: it tells networks apart that recall on so small a screen cannot
        Product(
            name="latent",
            title="What an embedding holds of what the screen was drawn from",
            builder="latent",
            needs=("latent_probe",),
        ),
        _recall(1, "Recall of known gene-gene relationships", lead="sizes"),
        Product(
            name="table2",
            title="Table 2. Known compound-gene relationships at the maximum concentration",
            builder="compound_gene",
            number=2,
            needs=("compound_gene",),
            paired=True,
        ),
        _recall(3, "Single-well and cross-well alignment", compares_variants=True),
        _recall(4, "Masked siamese network and masked autoencoder", lead="hours", compares_variants=True),
        _recall(5, "Number of prototypes", compares_variants=True),
        _recall(6, "Masking ratio of the anchor view", compares_variants=True),
        _recall(7, "Computation and recall", lead="operations", needs_sizes=True),
        Product(
            name="table8",
            title="Table 8. Plate identity predicted from embeddings",
            builder="plate_probe",
            number=8,
            needs=("plate_probe",),
            also=("gene_gene",),
        ),
        Product(
            name="table9",
            title="Table 9. Number of positive pairs",
            builder="pairs",
            number=9,
            any_of=("gene_gene", "retrieval"),
            lead="pairs",
            paired=True,
            compares_variants=True,
        ),
        # Of benchmarks that the paper has no table of.
        Product(
            name="gene_levels",
            title="Recall of known gene-gene relationships at levels of stringency and by the right tail",
            builder="gene_levels",
            needs=("gene_gene",),
        ),
        Product(name="replicates", title="Replicate retrieval", builder="replicates", needs=("replicate_map",)),
        Product(
            name="retrieval",
            title="Replicate retrieval at levels of stringency",
            builder="retrieval",
            needs=("retrieval",),
        ),
        Product(
            name="enrichment",
            title="Enrichment of mechanisms and pathways",
            builder="enrichment",
            needs=("enrichment",),
        ),
        Product(
            name="matching",
            title="Retrieval of shared targets at levels of stringency",
            builder="matching",
            needs=("matching",),
        ),
        Product(name="differences", title="Methods compared", builder="differences", needs=(), paired=True),
        Product(
            name="morphohelm",
            title="MorphoHELM's numbers computed again",
            builder="morphohelm",
            needs=("morphohelm",),
        ),
        Product(name="signal", title="Perturbation signal", builder="signal", needs=("signal",)),
        Product(
            name="geometry",
            title="Geometry of embeddings",
            builder="geometry",
            needs=("geometry",),
        ),
        Product(
            name="shuffled",
            title="Scores beside those with shuffled labels",
            builder="shuffled",
            any_of=(
                "gene_gene",
                "compound_gene",
                "retrieval",
                "enrichment",
                "matching",
                "replicate_map",
                "signal",
                "plate_probe",
                "latent_probe",
            ),
            shuffled=True,
        ),
        Product(
            name="alignments",
            title="The same features: unaligned, aligned, and through a head",
            builder="alignments",
            any_of=("gene_gene", "compound_gene", "retrieval", "plate_probe", "latent_probe"),
            of_features=True,
            compares_variants=True,
        ),
        Product(
            name="figure1",
            title="Figure 1. Gene-gene recall against the size of data and model.",
            builder="figure1",
            number=1,
            needs=("gene_gene",),
            figure=True,
            needs_sizes=True,
        ),
        Product(
            name="figure3",
            title="Figure 3. Compound-gene relationships over the concentration.",
            builder="figure3",
            number=2,
            needs=("compound_gene",),
            figure=True,
        ),
    )
}
TABLES = {name: product for name, product in PRODUCTS.items() if not product.figure}
FIGURES = {name: product for name, product in PRODUCTS.items() if product.figure}
