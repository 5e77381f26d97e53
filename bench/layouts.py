"""The layout report of the two published screens and of a wells table: the tables of docs/layout.md.

python -m bench.layouts bray ../shared/data/bray/plate_well_compound.csv.gz
"""

import argparse
from pathlib import Path

import pandas as pd

from cwamsn.screens import layout_report
from cwamsn.screens.layouts import infer_plate_maps
from cwamsn.screens.names import parse_addresses


def read_bray_table(path: str | Path) -> pd.DataFrame:
    """The plate, well, broad_sample, pert_id table of the Bray screen as wells; plate maps inferred, DMSO left out."""
    table = pd.read_csv(path, dtype={"plate": str})
    wells = table[table["broad_sample"] != "DMSO"].reset_index(drop=True)
    position = parse_addresses(wells["well"], str(path))
    return pd.DataFrame(
        {
            "perturbation": wells["pert_id"],
            "plate": wells["plate"],
            "plate_map": infer_plate_maps(wells["plate"], wells["well"], wells["pert_id"]),
            "row": position["row"],
            "column": position["column"],
        }
    )


def read_rxrx3_metadata(path: str | Path, perturbation_type: str) -> pd.DataFrame:
    """RxRx3-core's metadata as wells of one perturbation type without controls; plate and position where known."""
    path = Path(path)
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    table = table[(table["perturbation_type"] == perturbation_type) & ~table["treatment"].str.contains("_control")]
    wells = pd.DataFrame(
        {"perturbation": table["treatment"].str.split("_").str[0], "experiment": table["experiment_name"]}
    )
    if "plate" in table:
        wells["plate"] = table["experiment_name"] + "_" + table["plate"].astype(str)
    if "address" in table:
        wells[["row", "column"]] = parse_addresses(table["address"], str(path))[["row", "column"]]
    return wells


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.layouts", description=__doc__)
    parser.add_argument("kind", choices=["wells", "bray", "rxrx3-genes", "rxrx3-compounds"])
    parser.add_argument("path", type=Path, help="wells.parquet, the Bray table, or RxRx3-core's metadata")
    chosen = parser.parse_args()
    if chosen.kind == "wells":
        wells = pd.read_parquet(chosen.path)
    elif chosen.kind == "bray":
        wells = read_bray_table(chosen.path)
    else:
        wells = read_rxrx3_metadata(chosen.path, "CRISPR" if chosen.kind == "rxrx3-genes" else "COMPOUND")
    print(layout_report(wells).round(3).to_markdown(index=False))


if __name__ == "__main__":
    main()
