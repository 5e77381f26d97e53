"""Fields judged on several threads: in order, no more than wanted, and the same bytes as on one."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

from cwamsn.crops.threads import in_order
from cwamsn.screen_specs.image_options import ImageOptions
from tests.crops.screen import make_unit, random_field, write
from tests.crops.test_units import digests


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_the_order_of_the_items(threads):
    def slow_at_first(n):
        time.sleep(0.002 * (n % 3 == 0))
        return n * n

    assert list(in_order(slow_at_first, range(20), threads)) == [n * n for n in range(20)]


def test_no_more_is_made_than_two_results_per_thread():
    made = []
    results = in_order(lambda n: made.append(n) or n, iter(range(1000)), 3)
    assert next(results) == 0
    results.close()
    assert len(made) <= 6


def test_what_a_call_raises_is_raised_and_no_call_goes_on():
    def fails_at_four(n):
        if n == 4:
            raise ValueError("four")
        return n

    results, before = in_order(fails_at_four, range(1000), 2), threading.active_count()
    with pytest.raises(ValueError, match="four"):
        list(results)
    assert threading.active_count() == before


@pytest.mark.parametrize("images", [None, "illumination", "range"])
def test_several_threads_write_the_bytes_of_one(tmp_path, sections, images):
    how = {
        None: None,
        "illumination": ImageOptions(illumination="estimate"),
        "range": ImageOptions(range=[100, 3000]),
    }[images]
    fields = {f"A{k + 1:02d}": random_field(k) for k in range(40)}
    fields["A03"] = fields["A20"]  # repeats a later one
    fields["A05"] = random_field(5, height=32)
    fields["A07"] = np.repeat(random_field(7)[:1], 5, axis=0)  # stains with the same pixels
    fields["A09"] = np.zeros_like(random_field(9))
    found = []
    for threads in (1, 2, 5):
        folder = tmp_path / str(threads)
        unit = make_unit(folder, "p1", fields)
        for path in unit.root.glob("raw/p1/A11_Mito.tif"):
            path.write_bytes(path.read_bytes()[:100])
        for path in unit.root.glob("raw/p1/A12_Mito.tif"):
            path.unlink()
        write(unit, sections, images=how, threads=threads)
        text = {name: digest for name, digest in digests(folder).items() if not name.startswith("qc/")}
        found.append((text, [r | {"reason": str(r["reason"]).replace(str(folder), "")} for r in _rows(unit.qc)]))
    assert repr(found[0]) == repr(found[1]) == repr(found[2])
    assert 30 < sum(row["status"] == "kept" for row in found[0][1]) < 38


def _rows(path):
    return pd.read_parquet(path).to_dict("records")
