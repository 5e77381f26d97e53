"""Two gloo processes give each objective the gradient that one process gives it on the same global batch."""

import pandas as pd
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from cwamsn.training import OBJECTIVES
from cwamsn.training.batch import Batch, Group
from cwamsn.training.model import Model
from tests.training.tiny import recipe

B = 8
SMILES = ["CCO", "c1ccccc1", "CC(=O)O", "CN", "CCN(CC)CC", "C1CCCCC1", "OCC(O)CO", "N#N"]
DECODER = {"decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2}
NAMES = {
    "simclr": {},
    "supcon": {},
    "wsl": {},
    "cropmae": {"objective_options": DECODER},
    "cloome": {},
    "molphenix": {},
}


def gradients(name, rank, size):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = Model(recipe(objective=name, **NAMES[name]), channels=5, classes=B).double().train()
    if molecules := OBJECTIVES[name].molecules:
        molecules.prepare(model, pd.DataFrame({"perturbation": SMILES, "smiles": SMILES}))
    generator = torch.Generator().manual_seed(3)
    views = torch.randn(2, B, 5, 32, 32, generator=generator, dtype=torch.float64)
    codes = torch.arange(B) // (2 if name == "supcon" else 1)
    share = slice(B // size * rank, B // size * (rank + 1))
    small = torch.randn(2, B, 5, 16, 16, generator=generator, dtype=torch.float64)
    anchors = [Group(views[0, share], None), Group(small[:, share].flatten(0, 1), None)]
    generator.manual_seed(5)
    draw = model.objective.draw
    drawn = draw(model.recipe, model.patch_size, share.stop - share.start, generator) if draw else {}
    batch = Batch(anchors, views[1, share], codes[share], generator, drawn)
    parallel = DistributedDataParallel(model, forward_sync_buffers=False) if size > 1 else model
    parallel(batch)["loss"].backward()
    return {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}


def worker(rank, size, out):
    # a file, not a port: one that is free now may be another process's when both have started
    dist.init_process_group("gloo", init_method=f"file://{out}/meeting", rank=rank, world_size=size)
    try:
        torch.save({name: gradients(name, rank, size) for name in NAMES}, f"{out}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gloo")
    mp.spawn(worker, args=(2, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_global_batch(two, name):
    want = gradients(name, 0, 1)
    # a bias before BatchNorm has no gradient but rounding, so the tolerance is one of all gradients
    largest = max(gradient.abs().max().item() for gradient in want.values())
    for found in two:
        assert found[name].keys() == want.keys()
        for key in want:
            torch.testing.assert_close(found[name][key], want[key], rtol=1e-9, atol=1e-12 * largest, msg=key)
