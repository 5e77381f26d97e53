"""Simulated screens, written in the file layouts of the real hosts; docs/simulation.md tells what is simulated.

Only :func:`simulated_units` is called while a workflow is parsed, so everything heavier is imported when it is needed.
"""

from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.simulate.names import simulated_units

__all__ = ["simulate_layout", "simulate_unit", "simulated_units"]


def _screen(spec: dict):
    """The module that writes the layout of `spec["source"]`."""
    if spec["source"] == "simulated-bray":
        from cwamsn.simulate import bray as screen
    elif spec["source"] == "simulated-rxrx3-core":
        from cwamsn.simulate import rxrx3_core as screen
    else:
        raise InputError(f"source: {spec['source']!r} is not simulated; use simulated-bray or simulated-rxrx3-core")
    return screen


def simulate_layout(spec: dict, host_dir: str | Path) -> None:
    """Write every metadata file of the simulated screen below `host_dir`, and the ground truth in `truth/`.

    `spec` is the screen's entry of the configuration with its defaults filled in. `truth/wells.parquet` holds one row
    per well of the layout: `well_id` and the latent `phenotype_*` and `nuisance_*` columns.
    """
    _screen(spec).write_layout(spec, Path(host_dir))


def simulate_unit(spec: dict, host_dir: str | Path, part: str) -> None:
    """Write the images of one part (a plate's five zips, or one shard). The bytes depend on (`spec`, `part`) alone."""
    if part not in simulated_units(spec):
        raise InputError(f"part {part!r} is none of this screen; known: {', '.join(simulated_units(spec)[:4])}, ...")
    _screen(spec).write_part(spec, Path(host_dir), part)
