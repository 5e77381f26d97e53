"""Every benchmark's options are its section of the schema: the same names, the same defaults."""

import pytest

from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.compound_gene import CompoundGeneOptions
from cwamsn.benchmarks.enrichment import EnrichmentOptions
from cwamsn.benchmarks.gene_gene import GeneGeneOptions
from cwamsn.benchmarks.geometry import GeometryOptions
from cwamsn.benchmarks.matching import MatchingOptions
from cwamsn.benchmarks.plate_probe import PlateProbeOptions
from cwamsn.benchmarks.replicates import ReplicateOptions
from cwamsn.benchmarks.shuffled import ShuffleOptions
from cwamsn.benchmarks.signal import SignalOptions
from cwamsn.benchmarks.stringency import RetrievalOptions
from cwamsn.wells_by_count import MinimumCellsOptions

from ..schema_fields import assert_fields_match


@pytest.mark.parametrize(
    ("options", "section"),
    [
        (BootstrapOptions, "bootstrap"),
        (CompoundGeneOptions, "compound_gene"),
        (EnrichmentOptions, "enrichment"),
        (GeneGeneOptions, "gene_gene"),
        (MinimumCellsOptions, "minimum_cells"),
        (GeometryOptions, "geometry"),
        (MatchingOptions, "matching"),
        (PlateProbeOptions, "plate_probe"),
        (ReplicateOptions, "replicate_map"),
        (RetrievalOptions, "retrieval"),
        (ShuffleOptions, "shuffled_labels"),
        (SignalOptions, "signal"),
    ],
)
def test_options_have_the_names_and_defaults_of_their_section(options, section):
    assert_fields_match(options, section)
