"""Wells of a small screen, and features for them."""

import numpy as np
import pandas as pd
import pytest

from tests.embeddings.files.writers import D, N


@pytest.fixture
def wells():
    ids = [f"compound-001_{i % 3 + 1}_{chr(65 + i // 24)}{i % 24 + 1:02d}" for i in range(N)]
    return pd.DataFrame({"well_id": np.random.default_rng(1).permutation(ids)})


@pytest.fixture
def values():
    return np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)
