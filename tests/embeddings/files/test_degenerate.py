"""Vectors that tell nothing apart are refused; suspicious ones are noted."""

import numpy as np
import pytest

from cwamsn.embeddings import load_features
from cwamsn.embeddings.files.degenerate import refuse_degenerate
from cwamsn.errors import InputError
from cwamsn.notes import collected
from tests.embeddings.files.samples import GENES, IDS, NAMES, WELLS, D, N, read, read_genes, table, values, write


def test_vectors_that_tell_nothing_apart_are_refused(tmp_path):
    for bad, message in ((0.0, "all 24 vectors are zero"), (5.0, "all 24 wells have the same vector")):
        path = write(table(**dict.fromkeys(NAMES, bad)), tmp_path / "mine.parquet")
        with pytest.raises(InputError, match=message):
            read(path)
    with pytest.raises(InputError, match="1 feature; cosines need at least two"):
        read(write(table()[["well_id", "Cells_F0"]], path))
    same = table().rename(columns={n: f"feature_{i}" for i, n in enumerate(NAMES)})
    write(same.assign(**{f"feature_{i}": np.float32(3.0) for i in range(D)}), path)
    with pytest.raises(InputError, match="have the same vector"):  # a collapsed encoder's, met by the alignment
        load_features(path, WELLS)


def test_a_feature_that_outweighs_all_others_is_named(tmp_path):
    serial = np.random.default_rng(2).permutation(N) * 1000.5  # an index of another name, in any order
    found, said = read(write(table(serial=serial), tmp_path / "mine.parquet"))
    assert found == D + 1 and "feature 'serial' holds 100.0% of the variance of all 5" in said


def test_a_fill_value_is_said_and_heavy_tails_are_not(tmp_path):
    assert (
        "1 of 24 wells have a value more than 1000 times as large"
        in read(write(table(Cells_F1=[-99999.0, *values()[1:, 1]]), tmp_path / "mine.csv"))[1]
    )
    heavy = np.random.default_rng(0).standard_t(2, (2000, 64))
    with collected() as said:
        refuse_degenerate("x", heavy, [str(i) for i in range(2000)])
    assert said == []
    with pytest.raises(InputError, match="infinite feature in row 0"):
        write_to = write(table(gene=GENES, Cells_F1=[1e300, *values()[1:, 1]]), tmp_path / "map.parquet")
        read_genes(write_to)


def test_what_is_suspicious_is_counted():
    x = values()
    x[3], x[5], x[:, 1] = 0, x[6], 0.5
    x[3, 1] = 0
    x[:, 1] = 0
    with collected() as said:
        refuse_degenerate("mine.npz", x, IDS)
    assert said == [
        "mine.npz: 1 of 4 features are constant over all 24 wells",
        "mine.npz: 1 of 24 wells have a zero vector (such as e-000_1_A04)",
        "mine.npz: 2 of 24 wells have a vector that another has too (such as e-000_1_A06)",
    ]
