"""The loss, Sinkhorn and the schedules against the reference's golden values and an independent implementation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cwamsn.training import msn_loss, schedules, sinkhorn

LOSSES = [
    "small_f64",
    "small_f64_sk",
    "v11_f32",
    "v11_f32_sk",
    "v11_f64_sk",
    "v1_tau05_f64",
    "v2_tau007_f64_sk",
    "T1_f64",
]


def load(golden, file, case):
    with np.load(golden / file, allow_pickle=False) as archive:
        return {key.split("/", 1)[1]: archive[key] for key in archive.files if key.startswith(f"{case}/")}


@pytest.mark.parametrize("case", LOSSES)
def test_loss_and_its_gradients_are_the_reference_s(golden, case):
    want = load(golden, "loss.npz", case)
    tolerance = 1e-12 if want["anchor"].dtype == np.float64 else 2e-6
    anchors = torch.tensor(want["anchor"], requires_grad=True)
    prototypes = torch.tensor(want["prototypes"], requires_grad=True)
    targets = torch.tensor(want["target"], requires_grad=True)
    got = msn_loss(
        anchors,
        targets,
        prototypes,
        num_views=int(want["num_views"]),
        temperature=float(want["tau"]),
        sharpening=float(want["T"]),
        sinkhorn_iterations=3 if want["use_sinkhorn"] else 0,
    )
    got.total.backward()
    assert got.total.dtype == anchors.dtype
    for value, name in (
        (got.total, "total"),
        (got.cross_entropy, "ce"),
        (got.me_max, "me_max"),
        (got.targets, "targets"),
        (got.mean_assignment, "anchor_probs_mean"),
        (anchors.grad, "grad_anchor"),
        (prototypes.grad, "grad_prototypes"),
    ):
        np.testing.assert_allclose(value.detach().numpy(), want[name], rtol=0, atol=tolerance, err_msg=name)
    assert targets.grad is None


@pytest.mark.parametrize("iterations", [0, 3])
@pytest.mark.parametrize("views", [1, 4])
def test_loss_is_lightly_s(iterations, views):
    from lightly.loss import MSNLoss

    generator = torch.Generator().manual_seed(views)
    anchors, targets, prototypes = (
        torch.randn(n, 12, generator=generator, dtype=torch.float64) for n in (views * 6, 6, 20)
    )
    want = MSNLoss(temperature=0.1, sinkhorn_iterations=iterations)(anchors, targets, prototypes)
    got = msn_loss(anchors, targets, prototypes, num_views=views, sinkhorn_iterations=iterations)
    assert got.total.item() == pytest.approx(want.item(), abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_promoted(dtype):
    anchors, targets, prototypes = (torch.randn(n, 8).to(dtype) for n in (8, 4, 6))
    got = msn_loss(anchors, targets, prototypes, num_views=2)
    want = msn_loss(anchors.float(), targets.float(), prototypes.float(), num_views=2)
    assert got.total.dtype == got.targets.dtype == torch.float32
    assert got.total == want.total


def test_autocast_does_not_lower_the_loss():
    anchors, targets, prototypes = (torch.randn(n, 8) for n in (8, 4, 6))
    want = msn_loss(anchors, targets, prototypes, num_views=2).total
    with torch.autocast("cpu", torch.bfloat16):
        assert msn_loss(anchors, targets, prototypes, num_views=2).total == want


def test_me_max_is_zero_for_equal_use_and_log_k_for_one_prototype():
    prototypes = torch.eye(4, dtype=torch.float64)
    spread = msn_loss(prototypes, prototypes, prototypes, num_views=1, sinkhorn_iterations=0)
    same = prototypes[[0, 0, 0, 0]]
    one = msn_loss(same, prototypes, prototypes, num_views=1, temperature=1e-3, sinkhorn_iterations=0)
    assert spread.me_max.item() == pytest.approx(0, abs=1e-12)
    assert one.me_max.item() == pytest.approx(math.log(4), abs=1e-9)


def test_wrong_number_of_rows_is_refused():
    with pytest.raises(ValueError, match="7 rows; 2 views of 4 samples need 8"):
        msn_loss(torch.randn(7, 3), torch.randn(4, 3), torch.randn(5, 3), num_views=2)


@pytest.mark.parametrize("case", ["b4_k8", "b64_k1024", "b16_k6_it1", "b16_k6_it10"])
def test_sinkhorn_is_the_reference_s(golden, case):
    want = load(golden, "sinkhorn.npz", case)
    got = sinkhorn(torch.tensor(want["in"]), int(want["iters"])).numpy()
    np.testing.assert_allclose(got, want["out"], rtol=0, atol=1e-12 if got.dtype == np.float64 else 2e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(2, 12), st.integers(1, 5), st.integers(0, 99))
def test_sinkhorn_rows_are_probabilities(samples, prototypes, iterations, seed):
    generator = torch.Generator().manual_seed(seed)
    given_ = torch.rand(samples, prototypes, generator=generator, dtype=torch.float64).softmax(dim=1)
    balanced = sinkhorn(given_, iterations)
    assert balanced.sum(dim=1).numpy() == pytest.approx(np.ones(samples))
    assert (balanced >= 0).all()


def test_sinkhorn_converges_to_equal_use_and_survives_an_unused_prototype():
    q = torch.rand(12, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(dim=1)
    assert sinkhorn(q, 200).sum(dim=0).numpy() == pytest.approx(np.full(6, 2.0))
    q[:, 2] = 0
    assert torch.isfinite(sinkhorn(q, 3)).all()
    assert sinkhorn(q, 0) is q


@pytest.mark.parametrize(
    "case", ["yaml_short", "cwa_A_ipe115", "cwa_B_ipe115", "cwa_B2_ipe115", "cwa_A_ipe115_stretch1", "no_warmup"]
)
def test_schedules_are_the_reference_s(golden, case):
    want = load(golden, "schedules.npz", case)
    got = schedules(
        iterations_per_epoch=int(want["ipe"]),
        epochs=int(want["epochs"]),
        warmup_epochs=float(want["warmup_epochs"]),
        start_lr=float(want["start_lr"]),
        peak_lr=float(want["ref_lr"]),
        final_lr=float(want["final_lr"]),
        start_weight_decay=float(want["wd0"]),
        final_weight_decay=float(want["wd1"]),
        stretch=float(want["stretch"]),
    )
    for value, name in ((got.lr, "lr"), (got.weight_decay, "wd"), (got.momentum, "momentum")):
        np.testing.assert_allclose(value, want[name], rtol=0, atol=1e-12, err_msg=name)
