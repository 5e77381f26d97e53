"""A function that is recorded once and replayed: the recording itself needs a GPU, and is replaced here."""

import torch

from cwamsn.models import RepeatedForward, graphs


def standin(compute, device):
    result = compute()
    return result, lambda: result.copy_(compute())


def test_a_recorded_function_sees_each_input_and_gives_other_shapes_to_the_function(monkeypatch):
    monkeypatch.setattr(graphs, "record", standin)
    shapes = []

    def double(x):
        shapes.append(tuple(x.shape))
        return 2 * x

    repeated = RepeatedForward(double, "key")
    for n in (3, 3, 2, 3):
        x = torch.randn(n, 4)
        assert torch.equal(repeated(x), 2 * x)
    assert shapes.count((2, 4)) == 1


def test_a_function_that_cannot_be_recorded_is_called_and_that_is_said_once(monkeypatch, capsys):
    def record(compute, device):
        raise RuntimeError("no")

    monkeypatch.setattr(graphs, "record", record)
    repeated = RepeatedForward(lambda x: x + 1, "embedding.cuda_graph")
    for _ in range(3):
        assert torch.equal(repeated(torch.ones(2)), torch.full((2,), 2.0))
    told = capsys.readouterr()
    assert (told.out + told.err).count("embedding.cuda_graph: the kernels cannot be recorded") == 1
