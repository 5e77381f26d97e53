"""Keys of RxRx3-core (`source: rxrx3-core`), its shards, and where its files are."""

from dataclasses import dataclass
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.screen_specs.base import HostedSpec
from cwamsn.screen_specs.locations import join, local_path
from cwamsn.screen_specs.watch import state_of
from cwamsn.vocabulary import RXRX3_STAINS

METADATA = "metadata_rxrx3_core.csv"
EMBEDDINGS = "OpenPhenom_rxrx3_core_embeddings.parquet"


@dataclass(frozen=True, kw_only=True)
class RxRx3Spec(HostedSpec):
    """Section `screens.<name>` of RxRx3-core, and the run's `accept_noncommercial_licence`."""

    source: ClassVar[str] = "rxrx3-core"
    base_url: str = "https://huggingface.co/datasets/recursionpharma/rxrx3-core/resolve/main"
    metadata: str | None = None
    compound_gene_truth: str | None = None
    truth_url: str = (
        "https://raw.githubusercontent.com/recursionpharma/EFAAR_benchmarking/trunk/efaar_benchmarking"
        "/benchmark_annotations/compound_gene_interactions.csv"
    )
    shards: int = 35
    shard_selection: list[int] | None = None
    channel_map: str | None = "rxrx3_to_bray"
    accept_noncommercial_licence: bool = False
    microns_per_pixel: float | None = None

    def pixel_size(self) -> float | None:
        """Side of a pixel, µm; None: not known."""
        return self.microns_per_pixel

    def units(self) -> list[str]:
        """Shards: the chosen ones, else all."""
        chosen = self.shard_selection
        return [shard_name(i, self.shards) for i in (range(self.shards) if chosen is None else sorted(set(chosen)))]

    def stains(self) -> list[str]:
        """The six stains."""
        return list(RXRX3_STAINS)

    def metadata_files(self) -> list[str]:
        """The metadata table."""
        return [self.metadata or join(self.base_url, METADATA)]

    def truth_files(self) -> list[str]:
        """The compound-gene truth table."""
        return [self.compound_gene_truth or self.truth_url]

    def released_files(self) -> list[str]:
        """OpenPhenom's embeddings."""
        return [join(self.base_url, EMBEDDINGS)]

    def state(self, unit: str) -> str:
        """Changes when a local shard or one of its neighbours, which may hold planes of its wells, does."""
        if local_path(self.base_url) is None:
            return ""
        at = shard_number(unit)
        near = range(max(0, at - 1), min(self.shards, at + 2))
        return state_of(self.shard_url(shard_name(i, self.shards)) for i in near)

    def shard_url(self, shard: str) -> str:
        """Location of a shard."""
        return join(self.base_url, "data", f"{shard}.parquet")


def shard_name(number: int, count: int) -> str:
    """`train-00003-of-00035`; InputError for a number outside the data set."""
    if not 0 <= number < count:
        raise InputError(f"shard_selection: {number} is not among the shards 0 to {count - 1}")
    return f"train-{number:05d}-of-{count:05d}"


def shard_number(name: str) -> int:
    """The number in a shard's name, from 0."""
    return int(name.split("-")[1])
