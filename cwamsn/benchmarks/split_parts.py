"""Results of a screen that is split by compound, once for all queries and once for those of each part."""

import pandas as pd

SPLITS = ("train", "val", "test")


def by_split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The whole table under an empty name, and, where its column `split` has several parts, each as `, test`."""
    found = {"": table}
    if "split" in table:
        there = [name for name in SPLITS if (table["split"] == name).any()]
        found |= {f", {name}": table[table["split"] == name] for name in there if len(there) > 1}
    return found
