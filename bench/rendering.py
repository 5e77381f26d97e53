"""Time to draw one simulated field on one core, at the real and at the demo size, and to write its files.

    OMP_NUM_THREADS=1 python bench/rendering.py

Prints the median of 30 fields each, as processor time of the one thread, which a busy machine disturbs less than the
clock. Goals: 60 ms per full-size field of five channels, 6 ms per demo field.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np

from cwamsn.screen_specs import SimulatedBraySpec, SimulatedRxRx3Spec
from cwamsn.simulate import bray, rxrx3_core

FULL = {"field_height": 520, "field_width": 696, "cell_diameter": 52}


def median_ms(function, items) -> float:
    times = []
    for item in items:
        start = time.process_time()
        function(item)
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times[1:]))


def encode_bray(field: np.ndarray) -> None:
    for plane in field:
        bray._tiff(plane)


def encode_rxrx3(field: np.ndarray) -> None:
    for plane in field:
        rxrx3_core._jpeg2000(plane.astype(np.uint8), 42)


def main() -> None:
    cases = {
        "five channels, 520 x 696 (full size)": (bray, SimulatedBraySpec(**FULL)),
        "five channels, demo": (bray, SimulatedBraySpec()),
        "six channels, 512 x 512": (
            rxrx3_core,
            SimulatedRxRx3Spec(**{**FULL, "field_height": 512, "field_width": 512}),
        ),
        "six channels, demo": (rxrx3_core, SimulatedRxRx3Spec()),
    }
    for name, (module, spec) in cases.items():
        simulation = module.simulation(spec)
        wells = list(simulation.design["well_id"][:31])
        fields = [simulation.field(w, 1) for w in wells[:9]]
        drawing = median_ms(lambda w, s=simulation: s.field(w, 1), wells)
        writing = median_ms(encode_bray if module is bray else encode_rxrx3, fields)
        size = f"{spec.field_height} x {spec.field_width}"
        print(f"{name:40s} {size:>10s}  draw {drawing:6.1f} ms  encode {writing:6.1f} ms")


if __name__ == "__main__":
    main()
