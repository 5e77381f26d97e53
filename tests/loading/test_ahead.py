"""Batches that are loaded ahead: order, bytes, memory, errors, and what a device does at the same time."""

import gc
import re
import threading
import time

import numpy as np
import pytest
import torch

from cwamsn.crops import CropStore
from cwamsn.errors import InputError
from cwamsn.loading import Request, load_ahead
from cwamsn.loading.ahead import Ahead
from cwamsn.loading.buffers import Cuda, Device, Host
from tests.loading.fake_cuda import FakeCuda
from tests.training.tiny import write_store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def store(screen):
    return CropStore(screen.crops, screen.root)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
        assert not thread.is_alive(), thread


def requests(count, size=6, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(count):
        crops = rng.integers(0, 100, size)
        yield Request(
            crops, {"crops": torch.from_numpy(crops), "odd": torch.ones(number % 3, dtype=torch.bool)}, number
        )


@pytest.mark.parametrize(("threads", "depth"), [(0, 3), (1, 1), (1, 3), (2, 1), (3, 4), (8, 2)])
def test_batches_are_those_of_the_store_in_the_order_of_the_requests(store, threads, depth):
    seen = []
    for loaded in load_ahead(store, requests(20), CPU, threads=threads, depth=depth):
        crops = loaded.small["crops"].numpy()
        np.testing.assert_array_equal(loaded.images.numpy(), store.load_batch(crops))
        assert loaded.small["odd"].shape == (loaded.note % 3,)
        seen.append(loaded.note)
    assert seen == list(range(20))


def test_batches_may_differ_in_length(store):
    lengths = [3, 9, 1, 12, 2]
    wanted = (Request(np.arange(length), {}, None) for length in lengths)
    with load_ahead(store, wanted, CPU, threads=2, depth=2) as loader:
        assert [len(loaded.images) for loaded in loader] == lengths


@pytest.mark.parametrize("threads", [1, 3])
def test_only_the_ring_is_loaded_ahead(store, threads):
    drawn = []

    def counted():
        for request in requests(50):
            drawn.append(request.note)
            yield request

    with load_ahead(store, counted(), CPU, threads=threads, depth=3) as loader:
        for number, _ in zip(range(10), loader):
            deadline = time.monotonic() + 5
            while len(drawn) < number + 4 and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(0.01)
            assert len(drawn) == number + 4  # the batch in use, and three


def test_memory_is_that_of_the_ring(store):
    with load_ahead(store, requests(20), CPU, threads=2, depth=3) as loader:
        assert len({loaded.images.data_ptr() for loaded in loader}) <= 4
    with load_ahead(store, requests(20), CPU, threads=0, depth=3) as loader:
        assert len({loaded.images.data_ptr() for loaded in loader}) == 1


def damaged(screen, folder, rows):
    """The store with the last byte of each of these rows' data changed."""
    whole = CropStore(screen.crops, screen.root)
    path = folder / "crops" / "p0" / "crops.arrow"
    path.parent.mkdir(parents=True)
    content = bytearray((screen.root / "crops" / "p0" / "crops.arrow").read_bytes())
    whole.load(0)
    (shard,) = whole._open.values()
    for row in rows:
        content[int(shard.ends[row]) - 1] ^= 1
    path.write_bytes(content)
    return CropStore(screen.crops, folder)


def outcome(store, wanted, threads):
    notes = []
    try:
        for loaded in load_ahead(store, iter(wanted), CPU, threads=threads, depth=2):
            notes.append(loaded.note)
    except BaseException as error:
        return notes, type(error), str(error)
    return notes, None, None


def test_a_damaged_crop_ends_the_batches_where_it_would_in_one_thread(screen, tmp_path):
    broken = damaged(screen, tmp_path, [40, 47])
    wanted = [Request(np.arange(12) + 12 * number, {}, number) for number in range(8)]
    expected = outcome(broken, wanted, 0)
    assert expected[0] == [0, 1, 2] and expected[1] is InputError
    assert re.search(r"row 40 .*wrong checksum; delete the shard and recompute the crops", expected[2])
    for threads in (1, 2, 5):
        assert outcome(broken, wanted, threads) == expected


@pytest.mark.parametrize("kind", [InputError, KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_an_error_of_the_requests_comes_at_its_batch_as_it_is(store, kind, threads):
    error = kind("of the generator")

    def failing():
        yield from requests(4)
        raise error

    loader, notes = load_ahead(store, failing(), CPU, threads=threads, depth=2), []
    with pytest.raises(kind) as raised:
        for loaded in loader:
            notes.append(loaded.note)
    assert raised.value is error and notes == [0, 1, 2, 3]
    with pytest.raises(StopIteration):
        next(loader)


@pytest.mark.parametrize("threads", [0, 2])
def test_crops_that_make_no_batch_are_refused_with_the_store_s_own_line(store, threads):
    store._size = store._size.copy()
    store._size[7] = 8, 8
    wanted = [Request(np.arange(3), {}, 0), Request(np.array([1, 7, 2]), {}, 1)]
    notes, kind, text = outcome(store, wanted, threads)
    assert notes == [0] and kind is InputError and "differ in size; batches need one size" in text


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_closing_in_the_middle_ends_threads_and_requests(store, threads):
    closed = []

    def endless():
        try:
            while True:
                yield from requests(1)
        finally:
            closed.append(True)

    loader = load_ahead(store, endless(), CPU, threads=threads, depth=3)
    next(loader)
    loader.close()
    assert closed and not [t for t in threading.enumerate() if t.name.startswith("loader-")]
    loader.close()


def test_a_loader_that_nobody_holds_ends_its_threads(store):
    loader = load_ahead(store, requests(100), CPU, threads=2, depth=2)
    next(loader)
    threads = loader._threads
    del loader
    gc.collect()
    for thread in threads:
        thread.join(timeout=5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("threads", "depth", "line"),
    [(-1, 3, r"loader_threads: -1 is too small; give 0 or more"), (2, 0, r"loader_depth: 0 is too small; give 1 or")],
)
def test_fewer_threads_than_none_and_no_batch_ahead_are_refused_and_not_waited_for(store, threads, depth, line):
    with pytest.raises(InputError, match=line):
        load_ahead(store, requests(1), CPU, threads=threads, depth=depth)


def test_a_thread_that_cannot_start_its_work_is_no_endless_wait(store):
    class Broken(Host):
        def enter_thread(self):
            raise RuntimeError("no such device")

    with pytest.raises(RuntimeError, match="no such device"):
        next(Ahead(store, requests(3), Broken(), threads=1, depth=1))


def test_waiting_is_the_time_in_which_no_batch_was_ready(store):
    def slow():
        for request in requests(4):
            time.sleep(0.05)
            yield request

    with load_ahead(store, slow(), CPU, threads=1, depth=1) as loader:
        assert len(list(loader)) == 4 and loader.waited() > 0.1
        assert loader.rate() > 0
    with load_ahead(store, requests(4), CPU, threads=1, depth=4) as loader:
        next(loader)
        while not (loader._work.ended and all(batch.ready for batch in loader._work.batches)):
            time.sleep(0.001)
        before = loader.waited()
        time.sleep(0.4)  # the consumer's own time is no waiting
        next(loader)
        assert loader.waited() - before < 0.3


# on a device


def on_device(store, calls, wanted, *, threads, depth, settle=lambda number: None):
    """Sums of the batches, as work that the device does when it pleases, and what they should be."""
    got, expected = [], []
    with Ahead(store, wanted, Device(calls), threads=threads, depth=depth) as loader:
        for number, loaded in enumerate(loader):
            images, small = loaded.images, loaded.small
            calls.launch(
                lambda images=images, small=small: got.append((images.long().sum().item(), small["crops"].tolist()))
            )
            settle(number)
            expected.append(loaded.note)
        calls.finish()
        waited = loader.waited()
    return got, expected, waited


@pytest.mark.parametrize("slow_copies", [False, True])
@pytest.mark.parametrize(("threads", "depth"), [(0, 1), (1, 1), (2, 3)])
def test_work_on_a_device_reads_its_own_batch_however_late_it_runs(store, threads, depth, slow_copies):
    """The device does nothing until the host must wait for it."""
    calls = FakeCuda()
    calls.slow_copies = slow_copies
    wanted = list(requests(15))
    got, notes, _ = on_device(store, calls, iter(wanted), threads=threads, depth=depth)
    assert notes == list(range(15))
    assert got == [(int(store.load_batch(r.crops).astype(int).sum()), r.crops.tolist()) for r in wanted]
    assert len(calls.entered) == threads
    assert len(calls.allocated) <= depth + 1
    assert len(calls.recorded) == 15


def test_small_tensors_keep_type_and_shape_on_the_way(store):
    small = {
        "flags": torch.tensor([True, False, True]),
        "boxes": torch.arange(8).view(2, 4),
        "none": torch.empty(0, 3),
        "number": torch.tensor(2.5, dtype=torch.float64),
    }
    calls = FakeCuda()
    with Ahead(store, iter([Request(np.arange(3), small, None)]), Device(calls), threads=1, depth=1) as loader:
        loaded = next(loader)
        calls.finish()
        assert torch.equal(loaded.images, torch.from_numpy(store.load_batch(np.arange(3))))
        assert loaded.small.keys() == small.keys()
        for name, tensor in small.items():
            assert loaded.small[name].dtype == tensor.dtype and torch.equal(loaded.small[name], tensor)


def test_buffers_grow_where_a_batch_is_larger(store):
    calls = FakeCuda()
    lengths = [2, 2, 2, 2, 9, 2, 9, 2]
    wanted = [Request(np.arange(length), {"crops": torch.arange(length)}, None) for length in lengths]
    got, _, _ = on_device(store, calls, iter(wanted), threads=2, depth=1)
    assert [len(crops) for _, crops in got] == lengths
    assert 2 <= len(calls.allocated) <= 4


def test_the_host_is_ahead_of_the_device_by_at_most_two_rings(store):
    calls, done, lead = FakeCuda(), [], []
    with Ahead(store, requests(40), Device(calls), threads=1, depth=2) as loader:
        for number, _ in enumerate(loader):
            calls.launch(lambda: done.append(1))
            lead.append(number + 1 - len(done))
        calls.finish()
    assert max(lead) <= 6


def test_what_a_device_waits_is_from_the_end_of_its_work_to_the_end_of_the_copy(store):
    """Here each copy starts when the work before has ended: the ring is of one batch more than is in use."""
    calls = FakeCuda()
    calls.cost = {"copy": 0.25, "work": 1.0}
    calls.slow_copies = True
    _, _, waited = on_device(store, calls, requests(9), threads=0, depth=1, settle=lambda number: calls.finish())
    assert waited == pytest.approx(8 * 0.25)
    calls = FakeCuda()
    calls.cost = {"copy": 0.25, "work": 1.0}
    _, _, waited = on_device(store, calls, requests(9), threads=0, depth=8)
    assert waited == 0


def test_too_little_pinned_memory_is_said_once_and_gone_without(store, capsys):
    calls = FakeCuda(pinned_bytes=40_000)
    wanted = list(requests(6, size=3))  # 28,800 bytes and a few, in pages
    got, _, _ = on_device(store, calls, iter(wanted), threads=1, depth=2)
    assert [crops for _, crops in got] == [r.crops.tolist() for r in wanted]
    said = capsys.readouterr().out
    assert said.count("no pinned memory for a batch") == 1
    assert "(CUDA error: out of memory): batches are copied from plain memory, which is slower; raise" in said


def test_a_gpu_without_a_number_is_the_caller_s_current_one_in_every_thread(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: device)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name, number in (("cuda", 3), ("cuda:1", 1)):
        calls = Cuda(torch.device(name))
        calls.enter_thread()
        assert calls.device == calls.stream == chosen.pop() == torch.device("cuda", number)
