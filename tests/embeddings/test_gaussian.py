"""Random vectors."""

import numpy as np
import pandas as pd

from cwamsn.embeddings import random_embeddings
from cwamsn.tables import feature_columns


def test_random_vectors_depend_on_the_seed_not_on_the_order_of_wells():
    wells = pd.DataFrame({"well_id": np.random.default_rng(1).permutation([f"w{i:02d}" for i in range(60)])})
    a = random_embeddings(wells, 384, 3)
    pd.testing.assert_frame_equal(a, random_embeddings(wells[::-1], 384, 3))
    values = a[feature_columns(a)].to_numpy()
    assert abs(values.mean()) < 0.03 and abs(values.std() - 1) < 0.03
    other = random_embeddings(wells, 384, 4)[feature_columns(a)].to_numpy()
    assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < 0.03
