"""The steps of this stage, whatever the source: write the wells, fetch a unit, copy what else a screen publishes.

A simulated screen has no source of its own: the simulator writes files in the layout of the real host, and
:func:`cwamsn.screen_specs.host_spec` points the real source at them.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cwamsn import tables
from cwamsn.errors import InputError
from cwamsn.files import atomic_path, write_json
from cwamsn.paths import ScreenPaths, UnitPaths
from cwamsn.screen_specs import HostedSpec, MorphoHelmSpec, RxRx3Spec, ScreenSpec
from cwamsn.screen_specs.image_options import illumination_name
from cwamsn.screen_specs.morphohelm import LABELLED
from cwamsn.screens.hosts import Fetched, fetch, forget
from cwamsn.screens.sources import Raw, morphohelm, rxrx3_core, source_of
from cwamsn.screens.splits import write_fields


def write_wells(screen: ScreenPaths, spec: ScreenSpec, cache: str | Path) -> None:
    """Fetch a screen's metadata; write its wells table, and `source.json` (files with size and digest, notes).

    Beside the wells, `split_fields.parquet` keeps which fields a published split names, for the jobs that fetch.
    """
    name = screen.root.name
    found = source_of(spec).read_wells(name, spec, Path(cache))
    write_fields(found.split_fields, screen.split)
    tables.write(found.wells.sort_values("well_id", ignore_index=True), "wells", screen.wells)
    for line in (*found.notes, *_account(found.wells)):
        print(f"{name}: {line}")
    files = [fetched.entry() for fetched in found.files]
    entries = {"wells": len(found.wells), "files": files, "notes": found.notes, **found.facts}
    write_json({"screen": name, "source": spec.source, **entries}, screen.source)


def _account(wells: pd.DataFrame) -> list[str]:
    """What a wells table holds, in lines for the log."""
    treated = wells[wells["control"].isna()]
    perturbations = treated["perturbation"].dropna()
    lines = [
        f"{len(wells)} wells on {wells['plate'].nunique()} plates of {wells['experiment'].nunique()} experiments",
        *(f"{n} controls ({kind})" for kind, n in wells["control"].value_counts().sort_index().items()),
        f"{perturbations.nunique()} perturbations in {len(perturbations)} wells, "
        f"{len(treated) - len(perturbations)} wells without one",
    ]
    if "concentration" in wells:
        doses = treated["concentration"].dropna()
        span = f", {doses.min():g} to {doses.max():g} µM" if len(doses) else ""
        lines.append(f"{doses.nunique()} doses in {len(doses)} wells{span}")
    split = wells.dropna(subset=["split"])
    count = split.groupby("split")["perturbation"].nunique()
    lines += [f"{name}: {n} wells, {count[name]} perturbations" for name, n in split["split"].value_counts().items()]
    return lines if len(split) else [*lines, "no split"]


def fetch_unit(unit: UnitPaths, spec: ScreenSpec, cache: str | Path, *, digests: bool = True) -> None:
    """Fetch and verify what one unit needs.

    Writes the folder `unit.raw` (the raw files of a remote host, and `manifest.parquet` with name, size, digest and
    source of every file used), the fields table `unit.fields`, and `unit.skipped` (field_id, well_id, plate, site,
    reason) with every field that was left out. URIs are relative to the working directory; a local host's files stay
    where they are. Without `digests`, the manifest has none of local images of which none is expected.
    """
    screen, raw = ScreenPaths(unit.root), Raw(unit, digests=digests)
    found = source_of(spec).acquire(spec, raw, tables.read("wells", screen.wells), Path(cache))
    if isinstance(spec, HostedSpec):
        _fetch_illumination(spec, raw, found.channels, Path(cache))
    raw.finish()
    found.write_skipped(unit.skipped)
    tables.write(found.fields_frame(), "fields", unit.fields)
    for fetched in raw.files.values():
        forget(fetched, cache)
    print(f"{screen.root.name} {unit.name}: {found.summary()}")


def _fetch_illumination(spec: HostedSpec, raw: Raw, stains: Sequence[str], cache: Path) -> None:
    """Fetch the illumination functions of a unit; remote ones lie in its raw folder then (`illumination_files`)."""
    for stain, location in spec.image_options().illumination_of(spec.barcode(raw.unit.name)).items():
        if stain in stains:
            raw.add(fetch(location, cache, spec.retry), illumination_name(stain))


def fetch_truth(spec: ScreenSpec, cache: str | Path, path: str | Path) -> None:
    """Write the compound-gene truth table of an RxRx3-core screen to `path`."""
    _copy(rxrx3_core.truth(_rxrx3(spec, "truth"), Path(cache)), path)


def fetch_released_embeddings(spec: ScreenSpec, cache: str | Path, path: str | Path) -> None:
    """Write OpenPhenom's released embeddings of RxRx3-core to `path`."""
    _copy(rxrx3_core.released_embeddings(_rxrx3(spec, "released embeddings"), Path(cache)), path)


def fetch_well_table(spec: ScreenSpec, model: str, cache: str | Path, path: str | Path) -> None:
    """Write a model's published profiles of the wells of a MorphoHELM screen to `path`."""
    _copy(morphohelm.table_of(_morphohelm(spec), model, Path(cache)), path)


def fetch_labels(spec: ScreenSpec, cache: str | Path, path: str | Path) -> None:
    """Write the mechanisms of the compounds of a MorphoHELM screen to `path`: CSV, columns perturbation and label."""
    labels, _ = morphohelm.labels_of(_morphohelm(spec), Path(cache))
    with atomic_path(path) as temporary:
        labels.to_csv(temporary, lineterminator="\n")
    print(f"{len(labels)} compounds, {labels.nunique()} mechanisms")


def fetch_gene_pairs(spec: ScreenSpec, cache: str | Path, path: str | Path) -> None:
    """Write the gene pairs of a MorphoHELM screen to `path`: Parquet, columns database, first, second."""
    pairs, _ = morphohelm.pairs_of(_morphohelm(spec), Path(cache))
    with atomic_path(path) as temporary:
        pairs.to_parquet(temporary, index=False)
    print(pairs["database"].value_counts(sort=False).to_dict())


def fetch_relations(spec: ScreenSpec, cache: str | Path, screen: ScreenPaths) -> None:
    """Write what enrichment is scored of on a MorphoHELM screen beside its wells: mechanisms, or pairs of genes."""
    if _morphohelm(spec).set in LABELLED:
        fetch_labels(spec, cache, screen.labels)
    elif _morphohelm(spec).set == "cpg-crispr":
        fetch_gene_pairs(spec, cache, screen.gene_pairs)


def _morphohelm(spec: ScreenSpec) -> MorphoHelmSpec:
    if not isinstance(spec, MorphoHelmSpec):
        raise InputError(f"source {spec.source}: has no published well tables; only morphohelm has")
    return spec


def _rxrx3(spec: ScreenSpec, what: str) -> RxRx3Spec:
    if not isinstance(spec, RxRx3Spec):
        raise InputError(f"source {spec.source}: has no {what}; only rxrx3-core has")
    return spec


def _copy(fetched: Fetched, path: str | Path) -> None:
    with atomic_path(path) as temporary:
        shutil.copyfile(fetched.path, temporary)
