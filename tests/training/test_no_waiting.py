"""A step never waits for its device: every objective and precision on a GPU that only records what is asked of it."""

import re
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace

import pytest
import torch
from torch import backends
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from cwamsn.loading import dense, turns
from cwamsn.models import ViTEncoder, patches, resolve_precision
from cwamsn.training import OBJECTIVES, Trainer
from cwamsn.training.data import read_training_data
from cwamsn.training.loader import Drawn
from cwamsn.training.objectives import msn
from tests.training.test_objectives import PLAIN, ROWS, with_smiles
from tests.training.tiny import recipe, write_store

WAITS = (
    "_local_scalar_dense",
    "nonzero",
    "_unique2",
    "unique_dim",
    "masked_select",
    "is_nonzero",
    "unique_consecutive",
)
PRODUCTS = ("mm", "bmm", "addmm", "baddbmm")
# For these torch has no deterministic way on a GPU, and refuses them where one is asked for.
UNREPEATABLE = re.compile(
    r"(upsample|adaptive|avg_pool3d|fractional|max_unpool|reflection_pad|grid_sampler)\w*_backward|histc|put_|"
    r"bincount|(nan)?median|kthvalue|_embedding_bag\w*|nll_loss2d\w*|ctc_loss\w*|scatter_reduce|index_reduce"
)
GPU = torch.device("cuda", 0)
CHANGES = {"msn": {}} | {name: PLAIN | row for name, row in ROWS.items()}


class Watch(TorchDispatchMode):
    """Fails where an operation needs a value on the host, or takes a tensor from one device to another."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in WAITS, f"{func} waits for the device"
        if name in PRODUCTS:
            assert backends.cuda.matmul.allow_tf32 in (True, False)  # raises where the two ways to set it disagree
        out = func(*args, **(kwargs or {}))
        if name in ("_to_copy", "copy_"):
            source = args[1] if name == "copy_" else args[0]
            assert source.device == out.device, f"{func} takes {source.shape} from {source.device} to {out.device}"
        return out


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"), with_smiles())


def to_gpu(trainer):
    """Let all tensors of a trainer say that they are on a GPU."""
    for module in trainer.model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if isinstance(tensor, torch.nn.Parameter):
                    tensors[name] = torch.nn.Parameter(on_gpu(tensor), tensor.requires_grad)
                elif tensor is not None:
                    tensors[name] = on_gpu(tensor)
    trainer.model.objective = trainer.model.objective._replace(molecules=None)  # they have been read
    trainer.device, trainer.precision = GPU, resolve_precision(trainer.recipe.run.precision, GPU)
    trainer._prepare()


def on_gpu(tensor):
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=GPU)


@contextmanager
def gpu_machine():
    """A machine that says it has a GPU. No table of before is used, nor later one of meanwhile, which holds nothing."""
    kept = [f for m in (patches, dense, turns) for f in vars(m).values() if hasattr(f, "cache_clear")]
    assert len(kept) >= 3
    for function in kept:
        function.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CWAMSN_VIEWS", "dense")
        patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
        patch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
        yield
    for function in kept:
        function.cache_clear()


@pytest.fixture
def gpu():
    with gpu_machine():
        yield


def steps_on_a_gpu(store, **changes):
    """Take two steps on tensors that say they are on a GPU and hold nothing; the first one makes what is kept."""
    chosen = recipe(attention="fused", cuda_graph=False, **changes)
    # the CPU has no TF32
    on_cpu = replace(chosen, run=replace(chosen.run, precision="float32"))
    trainer = Trainer(on_cpu, read_training_data(store, chosen, 0), 0, torch.device("cpu"))
    trainer.recipe = chosen
    with closing(trainer.remaining()) as batches:
        images = [one for _, one in zip(range(2), batches)]

    def backward(loss):
        for parameter in trainer.model.parameters():
            parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None

    with FakeTensorMode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", backward)  # the engine wants a driver; see the test on the CPU
        to_gpu(trainer)
        for one, watch in zip(images, (nullcontext(), Watch()), strict=True):
            drawn = Drawn({name: on_gpu(tensor) for name, tensor in one.drawn.small.items()}, one.drawn.generator)
            one = one._replace(anchor=on_gpu(one.anchor), target=on_gpu(one.target), drawn=drawn)
            with watch:
                step = trainer.step(one)
    assert step.values.device == GPU and step.values.dtype == torch.float64


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16", "float16"])
def test_a_step_waits_for_nothing_in_any_precision(store, precision):
    steps_on_a_gpu(store, precision=precision, mask_pattern="sample", quarter_turns=True)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_a_step_of_any_objective_waits_for_nothing(store, name):
    steps_on_a_gpu(store, objective=name, precision="bfloat16", **CHANGES[name])


@pytest.mark.parametrize(
    ("name", "precision"),
    [*((name, "float32") for name in sorted(OBJECTIVES)), ("msn", "bfloat16"), ("msn", "float16")],
)
def test_neither_does_its_backward_pass(store, monkeypatch, name, precision):
    """On the CPU, with the views of a GPU."""
    monkeypatch.setenv("CWAMSN_VIEWS", "dense")
    chosen = recipe(objective=name, precision=precision, **CHANGES[name])
    trainer = Trainer(chosen, read_training_data(store, chosen, 0), 0, torch.device("cpu"))
    with closing(trainer.remaining()) as batches:
        trainer.step(next(batches))
        images = next(batches)
        with Watch():
            trainer.step(images)


class Repeats(TorchDispatchMode):
    """Fails where an operation is one that `deterministic: true` would end on a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert not UNREPEATABLE.fullmatch(name), f"{func} has no deterministic way on a GPU"
        return func(*args, **(kwargs or {}))


def repeated_step(store, name, products=True):
    """A step on the CPU by the ways that a GPU takes."""
    chosen = recipe(objective=name, attention="fused", mask_pattern="sample", **CHANGES[name])
    trainer = Trainer(chosen, read_training_data(store, chosen, 0), 0, torch.device("cpu"))
    for module in trainer.model.modules():
        if isinstance(module, ViTEncoder):
            module.products = products
    with closing(trainer.remaining()) as batches, Repeats():
        trainer.step(next(batches))


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_a_gpu_can_repeat_every_operation_of_a_step(store, monkeypatch, name):
    monkeypatch.setenv("CWAMSN_VIEWS", "dense")
    repeated_step(store, name)


def test_an_operation_that_a_gpu_cannot_repeat_is_noticed(store, monkeypatch):
    monkeypatch.setenv("CWAMSN_VIEWS", "dense")
    with pytest.raises(AssertionError, match=r"upsample_bicubic2d_backward.* has no deterministic way"):
        repeated_step(store, "msn", products=False)


@pytest.mark.usefixtures("gpu")
def test_waiting_is_noticed(store, monkeypatch):
    monkeypatch.setattr(msn, "_different", lambda numbers, below: torch.tensor(numbers.unique().numel()))
    with pytest.raises((AssertionError, DynamicOutputShapeException), match="unique"):
        steps_on_a_gpu(store, precision="float32")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_a_step_on_a_real_gpu_waits_for_nothing(store, name):
    chosen = recipe(objective=name, **CHANGES[name])
    trainer = Trainer(chosen, read_training_data(store, chosen, 0), 0, GPU)
    with closing(trainer.remaining(threads=1)) as batches:
        trainer.step(next(batches))
        trainer.step(next(batches))
        images = next(batches)
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error")
        try:
            step = trainer.step(images)
        finally:
            torch.cuda.set_sync_debug_mode(before)
    assert step.values.isfinite().all()
