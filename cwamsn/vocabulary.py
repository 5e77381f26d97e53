"""The field's fixed names: stains, annotation sources, doses. Imports nothing, since the Snakefile reads it."""

from collections.abc import Sequence

# Bray et al. 2016: the five exposures in the order of the published arrays, and the digit after `w` in a file name.
BRAY_STAINS = ("Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst")
BRAY_WAVELENGTHS = {"Hoechst": 1, "ERSyto": 2, "ERSytoBleed": 3, "Ph_golgi": 4, "Mito": 5}

# RxRx3-core: stains in the order of the file suffix 1..6.
RXRX3_STAINS = ("Hoechst", "ConA", "Phalloidin", "SYTO14", "MitoTracker", "WGA")

# RxRx3's six stains as Bray's five channels: Bray exposes phalloidin and WGA together, so their mean stands for it.
# The channel map of this name in config/schemas/crops.yaml, which an installed package has not.
RXRX3_TO_BRAY = {
    "Mito": ["MitoTracker"],
    "ERSyto": ["ConA"],
    "ERSytoBleed": ["SYTO14"],
    "Ph_golgi": ["Phalloidin", "WGA"],
    "Hoechst": ["Hoechst"],
}

# Names under which laboratories know one stain or channel of the Cell Painting assay; spelling and case do not count.
SYNONYMS = (
    ("DNA", "Hoechst", "Hoechst33342", "DAPI", "Nucleus", "Nuclei"),
    ("ER", "ERSyto", "ConA", "ConcanavalinA"),
    ("RNA", "ERSytoBleed", "SYTO14", "SYTO"),
    ("AGP", "Ph_golgi", "ActinGolgi", "ActinGolgiPlasmaMembrane", "PhalloidinWGA", "WGAPhalloidin"),
    ("Mito", "MitoTracker", "MitoTrackerDeepRed", "Mitochondria"),
    ("Phalloidin", "Actin"),
    ("WGA", "Golgi", "PlasmaMembrane"),
)

# Sources of known gene-gene relationships, as the score tables spell them; rendered tables print hu.MAP.
SOURCES = ("CORUM", "HuMAP", "Reactome", "SIGNOR", "StringDB")

# Doses of RxRx3-core that the published evaluation keeps, µM (its COMPOUND_CONCENTRATIONS); 0.26 and the like are not.
RXRX3_DOSES = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)

# Values of the wells column `control`: only negative controls fit an alignment.
NEGATIVE = "negative"

# Levels of stringency of MorphoHELM: columns of the wells table in which an admitted well differs from the query.
LEVELS: dict[str, tuple[tuple[str, ...], str]] = {
    "NR": ((), "no restriction"),
    "NSB": (("experiment",), "not the same batch"),
    "NSS": (("source",), "not the same source"),
    "NSL": (("address",), "not the same well position"),
    "NSSL": (("source", "address"), "neither the same source nor the same well position"),
}

# What enrichment is scored of, in the scores' column `source`.
MECHANISMS, PATHWAYS = "mechanisms", "pathways"

# Tasks of the benchmark `matching`, as the scores' column `source` names them.
MATCHING_TASKS = {
    "sisters": "compounds of one target among compounds of others",
    "guides": "guides of one gene among guides of others",
    "knockouts": "compounds and the knockouts of their targets, each among the other kind",
}

# Length of the first block of an InChIKey, the molecular skeleton; the rest is stereochemistry, isotopes, protonation.
INCHIKEY_BLOCK = 14


def doses_kept(setting: str | Sequence[float] | None, source: str | None) -> Sequence[float] | None:
    """The configuration's `alignment.concentrations` for a screen of `source`; None: all doses.

    `auto` is the published list for RxRx3-core, whose wells have stray doses, and no list for any other screen.
    """
    if setting != "auto":
        return setting  # type: ignore[return-value]  # the schema admits no other text
    return list(RXRX3_DOSES) if "rxrx3-core" in (source or "") else None
