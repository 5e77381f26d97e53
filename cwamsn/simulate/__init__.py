"""Simulated screens, written in the file layouts of the real hosts; docs/simulation.md tells what is simulated."""

from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.screen_specs import ScreenSpec, SimulatedBraySpec, SimulatedRxRx3Spec
from cwamsn.simulate import bray, rxrx3_core

__all__ = ["bray", "rxrx3_core", "simulate_layout", "simulate_unit"]


def simulate_layout(spec: ScreenSpec, host_dir: str | Path) -> None:
    """Write every metadata file of a simulated screen below `host_dir`, and the ground truth in `truth/`.

    `truth/wells.parquet` holds one row per well of the layout: `well_id` and the latent `phenotype_*` and `nuisance_*`
    columns. Raises InputError for a screen that is not simulated.
    """
    if isinstance(spec, SimulatedBraySpec):
        bray.write_layout(spec, Path(host_dir))
    elif isinstance(spec, SimulatedRxRx3Spec):
        rxrx3_core.write_layout(spec, Path(host_dir))
    else:
        raise _not_simulated(spec)


def simulate_unit(spec: ScreenSpec, host_dir: str | Path, unit: str) -> None:
    """Write the images of one plate (five zips) or shard. The bytes depend on (`spec`, `unit`) alone."""
    if not isinstance(spec, SimulatedBraySpec | SimulatedRxRx3Spec):
        raise _not_simulated(spec)
    known = spec.units()
    if unit not in known:
        raise InputError(f"unit {unit!r} is not in this screen; known: {', '.join(known[:4])}, ...")
    if isinstance(spec, SimulatedBraySpec):
        bray.write_unit(spec, Path(host_dir), unit)
    else:
        rxrx3_core.write_unit(spec, Path(host_dir), unit)


def _not_simulated(spec: ScreenSpec) -> InputError:
    return InputError(f"source: {spec.source!r} is not simulated; use simulated-bray or simulated-rxrx3-core")
