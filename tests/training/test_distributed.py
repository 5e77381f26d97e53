"""Two gloo processes take the step that one process takes on the same global batch."""

import csv
import shutil
import signal
import time

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from cwamsn.errors import InputError, TrainingStopped
from cwamsn.models.distributed import GlobalBatchNorm1d
from cwamsn.training import launch, msn_loss, train
from cwamsn.training.batch import Batch, Group
from cwamsn.training.model import Model
from cwamsn.training.stopping import SameStep
from tests.training.tiny import recipe, write_store

B, VIEWS = 8, 2


def global_batch():
    g = torch.Generator().manual_seed(3)
    random, focal = (torch.randn(v, B, 5, s, s, generator=g, dtype=torch.float64) for v, s in ((1, 32), (VIEWS, 16)))
    keep = torch.randperm(16, generator=g)[:12]
    return random, focal, torch.randn(B, 5, 32, 32, generator=g, dtype=torch.float64), keep


def share_of(batch, share):
    random, focal, target, keep = batch
    anchors = [Group(random[:, share].flatten(0, 1), keep), Group(focal[:, share].flatten(0, 1), None)]
    return Batch(anchors, target[share], torch.arange(B)[share], torch.Generator())


def gradients(rank, size):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Model(recipe(), channels=5, classes=B).double().train()
    parallel = DistributedDataParallel(model, forward_sync_buffers=False) if size > 1 else model
    share = slice(B // size * rank, B // size * (rank + 1))
    numbers = parallel(share_of(global_batch(), share))
    numbers["loss"].backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return found, dict(model.named_buffers()), float(numbers["me_max"].detach())


def worker(rank, size, out):
    # a file, not a port: one that is free now may be another process's when both have started
    dist.init_process_group("gloo", init_method=f"file://{out}/meeting", rank=rank, world_size=size)
    try:
        found = {f.__name__: f(rank, size) for f in (gradients, loss_of_share, normed, stopped_after)}
        torch.save(found, f"{out}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """What each of two processes computed of its share, by function; one start for all tests."""
    folder = tmp_path_factory.mktemp("gloo")
    mp.spawn(worker, args=(2, str(folder)), nprocs=2)
    found = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]
    return {name: [part[name] for part in found] for name in found[0]}


def test_gradients_and_batch_norm_are_those_of_the_global_batch(parts):
    want, buffers, me_max = gradients(0, 1)
    for got, got_buffers, got_me_max in parts["gradients"]:
        assert got.keys() == want.keys()
        for name in want:
            torch.testing.assert_close(got[name], want[name], rtol=1e-9, atol=1e-12, msg=name)
        for name in buffers:
            torch.testing.assert_close(got_buffers[name], buffers[name], rtol=1e-9, atol=1e-9, msg=name)
        assert got_me_max == pytest.approx(me_max, abs=1e-12)


def loss_of_share(rank, size):
    g = torch.Generator().manual_seed(0)
    z, t, o = (torch.randn(n, 6, generator=g, dtype=torch.float64) for n in (3 * B, B, 10))
    share = slice(B // size * rank, B // size * (rank + 1))
    mine = z.unflatten(0, (3, B))[:, share].flatten(0, 1).requires_grad_()
    o.requires_grad_()
    loss = msn_loss(mine, t[share], o, num_views=3)
    loss.total.backward()
    return [loss.total.detach(), loss.me_max.detach(), loss.targets, mine.grad, o.grad]


def test_loss_sees_the_global_batch_exactly(parts):
    total, me_max, targets, grad, prototype_grad = loss_of_share(0, 1)
    parts = parts["loss_of_share"]
    close = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close((parts[0][0] + parts[1][0]) / 2, total, **close)
    torch.testing.assert_close(parts[0][1], me_max, **close)
    torch.testing.assert_close(torch.cat([parts[0][2], parts[1][2]]), targets, **close)
    # DistributedDataParallel averages over processes: each one's gradient is twice its part of the whole
    joined = torch.cat([p[3].unflatten(0, (3, B // 2)) for p in parts], dim=1).flatten(0, 1) / 2
    torch.testing.assert_close(joined, grad, **close)
    torch.testing.assert_close((parts[0][4] + parts[1][4]) / 2, prototype_grad, **close)


def normed(rank, size):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(B, 5, generator=g, dtype=torch.float64)
    weight = torch.randn(B, 5, generator=g, dtype=torch.float64)
    share = slice(B // size * rank, B // size * (rank + 1))
    norm = GlobalBatchNorm1d(5).double()
    mine = x[share].clone().requires_grad_()
    out = norm(mine)
    (out.pow(3) * weight[share]).sum().backward()
    return [out.detach(), mine.grad, norm.running_mean, norm.running_var, norm.num_batches_tracked]


def test_batch_norm_over_processes_is_batch_norm(parts):
    want = normed(0, 1)
    parts = parts["normed"]
    for i in (0, 1):
        torch.testing.assert_close(torch.cat([p[i] for p in parts]), want[i], rtol=0, atol=1e-10)
    for i in (2, 3, 4):
        torch.testing.assert_close(parts[0][i], want[i], rtol=0, atol=1e-12)


def stopped_after(rank, size):
    """Step after which a process stops; the second one is told to in the middle of its fourth."""
    told, step, seen = None, 0, None
    with SameStep(lambda: told) as to_stop:
        while seen is None:
            step += 1
            if rank == 1 and step == 4:
                told = signal.SIGUSR1
            time.sleep(0.02 * (rank == 0))  # one is slower than the other
            seen = to_stop()
        to_stop.together()
    return [step, int(seen)]


def test_all_processes_stop_after_the_same_step_whichever_was_told(parts):
    assert parts["stopped_after"] == [[5, signal.SIGUSR1]] * 2


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


def losses(folder):
    with (folder / "log.csv").open() as handle:
        return [float(row["loss"]) for row in csv.DictReader(handle)]


def test_a_training_under_torchrun_is_the_training(tmp_path, store):
    small = recipe(steps=4, precision="float32")  # half precision rounds differently for each division of the batch
    launch(small, store, tmp_path / "two", seed=0, threads=1, processes=2)
    train(small, store, tmp_path / "one", seed=0, threads=1)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler; none was found")
def test_a_compiled_training_under_torchrun_is_the_training(tmp_path, store):
    small = recipe(steps=2, log_every=1, precision="float32", compile=True)
    launch(small, store, tmp_path / "two", seed=0, threads=1, processes=2)
    train(recipe(steps=2, log_every=1, precision="float32"), store, tmp_path / "one", seed=0, threads=1)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


@pytest.mark.slow
def test_an_error_of_a_process_arrives_as_what_it_is(tmp_path, store):
    with pytest.raises(InputError, match="9 does not divide over 2 processes"):
        launch(recipe(batch_size=9), store, tmp_path, seed=0, threads=1, processes=2)
    with pytest.raises(TrainingStopped, match="collapsed at step"):
        launch(recipe(min_prototype_use=1.0), store, tmp_path, seed=0, threads=1, processes=2)
    assert not (tmp_path / "outcome.json").exists()
