"""How well an alignment fitted on half of the controls fits the other half."""

import numpy as np
import pandas as pd

from cwamsn.alignment.controls import batches
from cwamsn.alignment.methods import align
from cwamsn.alignment.options import AlignOptions
from cwamsn.errors import InputError


def control_holdout_report(
    features: np.ndarray,
    wells: pd.DataFrame,
    method: str | None = None,
    options: AlignOptions | None = None,
    *,
    threads: int = 1,
) -> pd.DataFrame:
    """Fit an alignment on half of each experiment's controls and describe the other half.

    Parameters
    ----------
    features, wells, method, options, threads : as of :func:`cwamsn.alignment.align`; the halves are drawn with
        `options.seed`

    Returns
    -------
    One row per experiment: experiment, n_fit, n_held_out, mean and std (root mean squares over features of the held-out
    mean and population standard deviation). A fitting alignment has a mean near 0 (of the order of
    sqrt(1/n_fit + 1/n_held_out)) and, where it scales, a std near 1.

    Raises
    ------
    InputError
        When an experiment has fewer than 4 controls.
    """
    options = options or AlignOptions()
    groups = batches(wells)
    rng = np.random.default_rng(options.seed)
    fit = np.zeros(len(wells), dtype=bool)
    held = []
    for name, a, b in zip(groups.names, groups.bounds[:-1], groups.bounds[1:]):
        controls = groups.order[a:b][groups.fitted[a:b]]
        if len(controls) < 4:
            raise InputError(
                f"experiment {name}: {len(controls)} negative controls; a hold-out of half of them needs 4"
            )
        drawn = rng.permutation(len(controls))
        fit[controls[drawn[: len(controls) // 2]]] = True
        held.append(np.sort(controls[drawn[len(controls) // 2 :]]))
    aligned = align(features, wells, method, options, threads=threads, fit=fit)
    rows = []
    for name, out, a, b in zip(groups.names, held, groups.bounds[:-1], groups.bounds[1:]):
        values = aligned[out]
        rows.append(
            {
                "experiment": name,
                "n_fit": int(fit[groups.order[a:b]].sum()),
                "n_held_out": len(out),
                "mean": float(np.sqrt((values.mean(axis=0) ** 2).mean())),
                "std": float(np.sqrt(values.var(axis=0).mean())),
            }
        )
    return pd.DataFrame(rows)
