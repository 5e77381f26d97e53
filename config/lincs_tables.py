"""Write the load_data.csv and the plate map of `lincs_example.yaml` from the names of its images.

    python config/lincs_tables.py ../neural-profiling/LINCS_example_data/inputs ../neural-profiling

The images are named as an Opera exports them, `images/<plate>/r01c13f05p01-ch1...png`: row, column, field, channel.
Which channel is which stain is not published with them: 1 is DNA, 2 to 5 are taken as RNA, ER, AGP and Mito.
"""

import csv
import re
import sys
from pathlib import Path

STAINS = ("DNA", "RNA", "ER", "AGP", "Mito")
TREATMENTS = {"A01": ("DMSO", ""), "J18": ("DMSO", ""), "A13": ("orantinib", "0.01"), "P13": ("lonafarnib", "0.01")}
NAME = re.compile(r"r(\d+)c(\d+)f(\d+)p\d+-ch([1-5])\D.*\.png")


def write_tables(inputs: Path, out: Path) -> int:
    """Write `load_data.csv` and `platemap.csv` to `out`; returns the number of fields. `inputs` holds `images/`."""
    fields: dict[tuple[str, str, int], dict[str, str]] = {}
    for path in sorted(inputs.glob("images/*/*.png")):
        if found := NAME.fullmatch(path.name):
            row, column, site, channel = map(int, found.groups())
            where = (path.parent.name, f"{chr(64 + row)}{column:02d}", site)
            stain = STAINS[channel - 1]
            fields.setdefault(where, {})[f"FileName_Orig{stain}"] = path.name
            fields[where][f"PathName_Orig{stain}"] = f"images/{path.parent.name}"
    place = ("Metadata_Plate", "Metadata_Well", "Metadata_Site")
    columns = [f"{kind}Name_Orig{stain}" for stain in STAINS for kind in ("File", "Path")]
    out.mkdir(parents=True, exist_ok=True)
    with (out / "load_data.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*columns, *place], restval="")
        table.writeheader()
        table.writerows(files | dict(zip(place, where, strict=True)) for where, files in sorted(fields.items()))
    with (out / "platemap.csv").open("w", newline="") as file:
        rows = [(well, *treatment) for well, treatment in TREATMENTS.items()]
        csv.writer(file).writerows([("well_position", "pert_iname", "mmoles_per_liter"), *rows])
    return len(fields)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    count = write_tables(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.exit(f"{sys.argv[1]}: no images/<plate>/r..c..f..p..-ch...png below it" if not count else None)
