"""The store gives back what was put in, in any process, and never a wrong pixel."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cwamsn.crops import CropStore, compress_to_uint8, rows
from cwamsn.crops.codec import CODECS, decode, encode
from cwamsn.crops.store import SHARD
from cwamsn.errors import InputError
from tests.crops.screen import CHANNELS, gather, make_unit, random_field, write


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=40)), st.sampled_from(CODECS))
def test_codec_round_trip(crop, codec):
    out = np.full_like(crop, 7)
    decode(np.frombuffer(encode(crop, codec), np.uint8), codec, out)
    np.testing.assert_array_equal(out, crop)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=40)))
def test_rows_are_summed_in_one_pass_as_level_by_level(crop):
    wanted = crop.copy()
    for row in range(crop.shape[1]):
        if row:
            wanted[:, row] += wanted[:, row - (row & -row)]
    for undo in (rows.sum_rows, rows.sum_levels):
        summed = crop.copy()
        undo(summed)
        np.testing.assert_array_equal(summed, wanted)
    np.testing.assert_array_equal(rows.difference_rows(wanted), crop)


def test_without_the_one_pass_of_scipy_rows_are_summed_by_level(monkeypatch):
    assert rows._add_rows() is not None, "scipy keeps csr_matvecs elsewhere: crops are read a tenth slower"
    monkeypatch.setattr(rows, "_add_rows", lambda: None)
    crop = np.random.default_rng(0).integers(0, 256, (2, 21, 9), np.uint8)
    out = np.empty_like(crop)
    decode(encode(crop, "lz4"), "lz4", out)
    np.testing.assert_array_equal(out, crop)


def test_compressed_size_of_the_real_field(shared):
    import tifffile

    folder = shared / "bray" / "field"
    crop = np.stack([compress_to_uint8(tifffile.imread(folder / f"{c}.tif")) for c in CHANNELS])
    assert len(encode(crop, "lz4")) <= 0.75 * crop.nbytes
    assert len(encode(crop, "zstd")) <= 0.55 * crop.nbytes


@pytest.fixture(params=CODECS)
def screen(request, tmp_path, sections):
    """(folder, images by crop id) of a screen of two parts with more fields than one batch of the shard holds."""
    images, parts = {}, []
    for part in ("p1", "p2"):
        planes = {f"A{k:02d}": random_field(hash_of(part, k)) for k in range(1, 21)}
        images |= {f"{part}-{a}-1": np.stack([compress_to_uint8(p) for p in field]) for a, field in planes.items()}
        parts.append(make_unit(tmp_path, part, planes))
        write(parts[-1], sections, codec=request.param)
    gather(parts, tmp_path)
    return tmp_path, images


def hash_of(part, k):
    return 100 * int(part[1]) + k


def test_round_trip_in_any_order(screen):
    folder, images = screen
    store = CropStore(folder / "crops.parquet", folder)
    assert len(store) == 40 and store.channels == tuple(CHANNELS)
    order = np.random.default_rng(0).permutation(40)
    batch = store.load_batch(order)
    assert batch.shape == (40, 5, 40, 48) and batch.dtype == np.uint8
    for crop, i in zip(batch, order):
        np.testing.assert_array_equal(crop, images[store.frame["crop_id"][i]])
        np.testing.assert_array_equal(crop, store.load(i))


def test_batch_into_given_memory(screen):
    folder, images = screen
    store = CropStore(folder / "crops.parquet", folder)
    out = np.empty((2, 5, 40, 48), np.uint8)
    assert store.load_batch([3, 3], out=out) is out
    np.testing.assert_array_equal(out[1], images[store.frame["crop_id"][3]])
    for wrong in (np.empty((3, 5, 40, 48), np.uint8), np.empty((2, 5, 40, 48), np.int8), out[:, :, ::-1]):
        with pytest.raises(InputError, match="out: expected C-contiguous uint8 of shape"):
            store.load_batch([0, 1], out=wrong)
    with pytest.raises(InputError, match="no crops"):
        store.load_batch([])


def _sum(store, i, queue):
    queue.put(int(store.load(i).sum()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_survives_pickling_and_other_processes(screen, method):
    folder, images = screen
    store = CropStore(folder / "crops.parquet", folder)
    store.load(0)
    assert (pickle.loads(pickle.dumps(store)).load(1) == store.load(1)).all()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_sum, args=(store, 39, queue))
    process.start()
    assert queue.get(timeout=60) == int(images[store.frame["crop_id"][39]].sum())
    process.join()


def test_threads_share_a_store(screen):
    """Each maps shards that no other has mapped yet, and expands into its part of one batch."""
    folder, images = screen
    for seed in range(5):
        store = CropStore(folder / "crops.parquet", folder)
        order = np.random.default_rng(seed).permutation(40)
        batch = np.zeros((40, 5, 40, 48), np.uint8)
        with ThreadPoolExecutor(8) as pool:
            parts = [slice(k, k + 5) for k in range(0, 40, 5)]
            list(pool.map(lambda part, b=batch, o=order, s=store: s.load_batch(o[part], out=b[part]), parts))
        for crop, i in zip(batch, order):
            np.testing.assert_array_equal(crop, images[store.frame["crop_id"][i]])


def test_a_flipped_bit_anywhere_never_gives_a_wrong_pixel(screen):
    """Damage that the shard's own structure hides from Arrow is an error that names shard and row."""
    folder, images = screen
    shard = folder / "crops" / "p1" / SHARD
    good = shard.read_bytes()
    rng = np.random.default_rng(0)
    noticed = 0
    for position in rng.integers(0, len(good), 40):
        bad = bytearray(good)
        bad[position] ^= 1 << int(rng.integers(8))
        shard.write_bytes(bad)
        store = CropStore(folder / "crops.parquet", folder)
        for i in range(20):
            try:
                crop = store.load(i)
            except InputError as error:
                assert str(shard) in str(error)
                noticed += 1
            else:
                np.testing.assert_array_equal(crop, images[store.frame["crop_id"][i]])
    assert noticed > 20


def test_damaged_bytes_name_shard_and_row(screen):
    folder, _ = screen
    shard = folder / "crops" / "p1" / SHARD
    store = CropStore(folder / "crops.parquet", folder)
    data = bytearray(shard.read_bytes())
    data[store._get(0).begins[0] + 40] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(InputError, match=rf"{SHARD}: row 0 \(p1-A01-1\): wrong checksum; delete the shard"):
        CropStore(folder / "crops.parquet", folder).load(0)


@pytest.mark.parametrize("keep", [0, 3, 2000, -100, -1])
def test_a_truncated_shard_is_refused(screen, keep):
    folder, _ = screen
    shard = folder / "crops" / "p1" / SHARD
    shard.write_bytes(shard.read_bytes()[:keep])
    with pytest.raises(InputError, match=f"{SHARD}: not a readable crop shard"):
        CropStore(folder / "crops.parquet", folder).load(0)


def test_a_row_of_another_crop_is_refused(screen):
    """An index of another run must not silently pair pixels and labels anew."""
    folder, _ = screen
    frame = pd.read_parquet(folder / "crops.parquet")
    frame.loc[0, "shard_row"], frame.loc[1, "shard_row"] = 1, 0
    with pytest.raises(InputError, match="row 1"):
        CropStore(frame, folder).load(0)
    frame.loc[0, "shard_row"] = 20
    with pytest.raises(InputError, match="row 20"):
        CropStore(frame, folder).load(0)


def test_sizes_must_be_equal_in_a_batch(tmp_path, sections):
    paths = [
        make_unit(tmp_path, "p1", {"A01": random_field(1)}),
        make_unit(tmp_path, "p2", {"A01": random_field(2, height=50)}),
    ]
    for p in paths:
        write(p, sections)
    frame = pd.concat([pd.read_parquet(p.index) for p in paths])
    with pytest.raises(InputError, match="p1-A01-1 and p2-A01-1 differ in size"):
        CropStore(frame, tmp_path).load_batch([0, 1])


def test_missing_shard_and_empty_index(screen):
    folder, _ = screen
    (folder / "crops" / "p1" / SHARD).unlink()
    with pytest.raises(InputError, match="recompute the crops"):
        CropStore(folder / "crops.parquet", folder).load(0)
    empty = CropStore(pd.read_parquet(folder / "crops.parquet").iloc[:0], folder)
    assert len(empty) == 0
    with pytest.raises(InputError, match="holds no crop"):
        empty.channels  # noqa: B018 - the property raises
