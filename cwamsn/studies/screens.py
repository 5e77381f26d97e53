"""A simulated screen from its specification to a crop store, in one process: the stages' own functions, in order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cwamsn.crops import gather_crops, write_crops
from cwamsn.screens import fetch_truth, fetch_unit, host_spec, units, write_wells
from cwamsn.simulate import simulate_layout, simulate_unit


def make_screen(name: str, spec: dict[str, Any], sections: Mapping[str, Any], data: Path) -> Path:
    """Simulate, fetch and convert a screen below `data`; returns its folder.

    spec: a simulated screen of the configuration, as resolved. sections: `crops` and `channel_maps`. The folder holds
    what the rules of the stages screens and crops make, at the same places.
    """
    folder = data / name
    simulate_layout(spec, folder / "host")
    source = host_spec(name, spec, str(data)) | {"retry": None, "accept_noncommercial_licence": False}
    write_wells(name, source, data / "cache", folder / "wells.parquet", folder / "source.json")
    names = units(name, spec)
    for part in names:
        simulate_unit(spec, folder / "host", part)
    for part in names:
        fields = folder / "fields" / f"{part}.parquet"
        fields.parent.mkdir(exist_ok=True)
        fetch_unit(name, source, part, folder / "wells.parquet", data / "cache", folder / "raw" / part, fields)
        write_crops(
            fields,
            fields.with_name(f"{part}.skipped.parquet"),
            folder / "wells.parquet",
            {"channel_map": spec.get("channel_map")},
            sections["crops"],
            sections["channel_maps"],
            folder / "crops" / part,
            folder / "crops" / f"{part}.parquet",
            folder / "qc" / f"{part}.parquet",
            folder / "statistics" / f"{part}.json",
        )
    gather_crops(
        [folder / "crops" / f"{part}.parquet" for part in names],
        [folder / "qc" / f"{part}.parquet" for part in names],
        [folder / "statistics" / f"{part}.json" for part in names],
        folder / "crops.parquet",
        folder / "qc.parquet",
        folder / "statistics.json",
    )
    if spec["source"] == "simulated-rxrx3-core":
        fetch_truth(source, data / "cache", folder / "compound_gene_truth.csv")
    return folder
