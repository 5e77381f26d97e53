"""Embedding: with real input, against the encoder alone."""

import os
from collections.abc import Iterator
from contextlib import closing

import torch

from bench.gpu_parts.case import Case
from bench.gpu_parts.clock import elapsed, per_call
from bench.gpu_parts.figures import Figure
from cwamsn.embeddings import EmbedOptions, images
from cwamsn.gpus import views_at_once
from cwamsn.loading import load_ahead
from cwamsn.models import RepeatedForward, autocast, resolve_precision, share_threads

WELLS = 222_601  # of RxRx3-core, an image each


@torch.no_grad()
def measure(case: Case) -> Iterator[Figure]:
    trainer, options = case.trainer(), EmbedOptions()
    batch = views_at_once(options.batch_size, case.device.type == "cuda")
    encoder = trainer.model.anchor.encoder.eval()
    channels, size = len(case.data.store.channels), trainer.recipe.views.rand_size
    precision = resolve_precision("auto", case.device)
    inputs = torch.randn(batch, channels, size, size, device=case.device)

    def forward(views: torch.Tensor) -> torch.Tensor:
        with autocast(case.device, precision):
            features: torch.Tensor = encoder(views)
        return features

    alone = RepeatedForward(forward, "bench") if case.device.type == "cuda" else forward
    ceiling = batch / per_call(lambda: alone(inputs), case.device, case.seconds)
    store, statistics = case.data.store, case.data.statistics
    crop_ids = store.frame["crop_id"].to_numpy(dtype=str)
    batches = images.plan_batches(store.frame, size, batch, options)
    views = images.InputViews(statistics.mean, statistics.std, size, case.device)
    network = images._network(encoder, precision, case.device, graph=options.cuda_graph)

    def take(rounds: int, threads: int) -> None:
        """The loop of an embedding, over the store's crops so many times: the start of the ring must not count."""
        todo = [number for _ in range(rounds) for number in range(len(batches))]
        requests = images._requests(batches, todo, crop_ids, size, options)
        with closing(load_ahead(store, requests, case.device, threads=threads, depth=options.loader_depth)) as loaded:
            for one in loaded:
                images._encode(network, views, batch, one)

    def rate(threads: int) -> float:
        few, every = (1, 2) if case.small else (2, 10)
        take(few, threads)
        once, whole = (elapsed(lambda n=n: take(n, threads), 2, case.device) / 2 for n in (few, every))
        return (every - few) * len(crop_ids) / max(whole - once, 1e-9)

    own = share_threads(case.device).loader
    found = rate(own)
    yield Figure(f"embedding with real input, {own} loader threads", found, "images/s")
    yield Figure("the encoder alone", ceiling, "images/s")
    yield Figure("share of the encoder's own rate", 100 * found / ceiling, "%", at_least=75)
    if (cores := len(os.sched_getaffinity(0))) > own + 1 and not case.small:
        yield Figure(f"embedding with real input, {cores - 1} loader threads", rate(cores - 1), "images/s")
    yield Figure(f"{WELLS:,} wells at the default's rate (derived)", WELLS / found / 60, "min")
    yield Figure("the encoder alone, by formula", ceiling * case.image_flops / 1e12, "TFLOP/s")
