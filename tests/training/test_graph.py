"""A step that is recorded and replayed is the step: the recording itself needs a GPU, and is replaced here."""

from contextlib import closing

import pytest
import torch

from cwamsn.training import Trainer, graph
from cwamsn.training.data import read_training_data
from cwamsn.training.graph import RecordedStep
from tests.training.tiny import recipe, write_store

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


def standin(compute, device):
    """A recording: from then on the results of the same call lie in the same memory."""
    compute()
    result = compute()

    def replay():
        for name, value in compute().items():
            result[name].copy_(value)

    return result, replay


def refusing(compute, device):
    compute()
    raise RuntimeError("operation not permitted when stream is capturing\nmore words")


def trained(store, record=None, patch=None, **changes):
    """Weights, buffers and numbers after four steps."""
    chosen = recipe(**changes)
    trainer = Trainer(chosen, read_training_data(store, chosen, 0), 0, CPU)
    if record is not None:
        patch.setattr(graph, "record", record)
        trainer.__dict__["_networks"] = RecordedStep(trainer._compute, trainer.model, CPU)
    numbers = []
    with closing(trainer.remaining(threads=1)) as batches:
        for _, images in zip(range(4), batches):
            numbers.append(trainer.step(images).values)
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}, torch.stack(numbers)


@pytest.mark.parametrize("changes", [{}, {"mask_pattern": "sample"}, {"objective": "cropmae"}], ids=str)
def test_a_recorded_step_sees_each_batch_and_leaves_no_trace_of_the_recording(store, monkeypatch, changes):
    wanted, numbers = trained(store, **changes)
    found, replayed = trained(store, standin, monkeypatch, **changes)
    assert torch.equal(replayed, numbers)
    assert len(numbers.unique(dim=0)) == 4, "each step has numbers of its own"
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def test_a_step_that_cannot_be_recorded_is_taken_as_it_is_and_says_so(store, monkeypatch, capsys):
    wanted, numbers = trained(store)
    found, taken = trained(store, refusing, monkeypatch)
    assert torch.equal(taken, numbers)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    told = capsys.readouterr()
    (line,) = [line for line in (told.out + told.err).splitlines() if "training.cuda_graph" in line]
    assert "not permitted when stream is capturing" in line and "more words" not in line


def test_a_step_that_draws_on_the_cpu_is_not_frozen(store, monkeypatch, capsys):
    compute = Trainer._compute

    def drawing(trainer, batch):
        numbers = compute(trainer, batch)
        return numbers | {"drawn": torch.rand((), generator=batch.generator) + torch.rand(())}

    monkeypatch.setattr(Trainer, "_compute", drawing)
    torch.manual_seed(1)
    _, wanted = trained(store)
    torch.manual_seed(1)
    _, found = trained(store, standin, monkeypatch)
    assert torch.equal(found, wanted)
    assert "draws on the CPU" in "".join(capsys.readouterr())


def test_memory_that_does_not_suffice_for_a_recording_is_no_reason_to_go_on(store, monkeypatch):
    def record(compute, device):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        trained(store, record, monkeypatch)
