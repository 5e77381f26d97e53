"""Points of a map: PCA, exact and at once; UMAP, seeded."""

import numpy as np
from threadpoolctl import threadpool_limits

from cwamsn.errors import InputError
from cwamsn.vectors import unit_rows

_ROWS = 20000  # rows centred at once


def principal_components(features: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Projections on the directions of largest variance.

    Parameters
    ----------
    features : (N, D)
    count : directions; fewer where D or N is smaller

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        (N, count) float32, and the share of the variance of each direction. The sign of a direction is such that its
        largest coefficient is positive, so that a map does not flip between runs.

    Notes
    -----
    By the eigenvectors of the D × D covariance, summed in double precision: exact, and a tenth of the time of a
    singular value decomposition where N is far larger than D.
    """
    features = np.asarray(features)
    rows, columns = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((columns, columns))
    for start in range(0, rows, _ROWS):
        part = features[start : start + _ROWS] - mean
        covariance += part.T @ part
    values, vectors = np.linalg.eigh(covariance / max(1, rows))
    count = min(count, columns, rows)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1][:, :count]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(count)])
    out = np.empty((rows, count), dtype=np.float32)
    for start in range(0, rows, _ROWS):
        out[start : start + _ROWS] = (features[start : start + _ROWS] - mean) @ vectors
    return out, values[:count] / max(values.sum(), np.finfo(float).tiny)


def pca_map(features: np.ndarray) -> np.ndarray:
    """(N, 2) float32: the first two principal components of the vectors as they are; zeros beyond those there are."""
    found = principal_components(features, 2)[0]
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def umap_map(
    features: np.ndarray, *, neighbours: int = 15, min_dist: float = 0.1, components: int = 50, seed: int = 0
) -> np.ndarray | None:
    """(N, 2) float32 of UMAP, by cosine; None where there are too few points for it.

    Notes
    -----
    Of vectors of length 1, whose Euclidean distance grows with their cosine distance, after their `components` largest
    principal components. A seed makes UMAP run on one thread; digits are equal on machines of one kind.
    """
    try:
        from umap import UMAP  # heavy: compiles when it is imported
    except ModuleNotFoundError:
        raise InputError(
            "atlas: the package umap-learn is not installed: pip install 'cwamsn[atlas]', or leave UMAP out (--no-umap)"
        ) from None
    if len(features) < 5:
        return None
    with threadpool_limits(1, "blas"):
        start = principal_components(unit_rows(features).astype(np.float32), components)[0]
    model = UMAP(
        n_neighbors=min(neighbours, len(features) - 1), min_dist=min_dist, random_state=seed, n_jobs=1,
        init="pca" if len(features) > 10000 else "spectral",
    )  # fmt: skip
    return np.asarray(model.fit_transform(start), dtype=np.float32)
