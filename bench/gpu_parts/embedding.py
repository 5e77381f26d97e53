"""Embedding: with real input, against the encoder alone."""

from collections.abc import Iterator
from statistics import median

import torch

from bench.gpu_parts.case import Case
from bench.gpu_parts.clock import elapsed, per_call
from bench.gpu_parts.figures import Figure
from cwamsn.crops import CropStore
from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.images import embed
from cwamsn.gpus import views_at_once
from cwamsn.models import RepeatedForward, autocast, resolve_precision

WELLS = 222_601  # of RxRx3-core, an image each


@torch.no_grad()
def measure(case: Case) -> Iterator[Figure]:
    trainer, options = case.trainer(), EmbedOptions()
    batch = views_at_once(options.batch_size, case.device.type == "cuda")
    encoder = trainer.model.anchor.encoder.eval()
    channels, size = list(case.data.store.channels), trainer.recipe.views.rand_size
    precision = resolve_precision("auto", case.device)
    inputs = torch.randn(batch, len(channels), size, size, device=case.device)

    def forward(views: torch.Tensor) -> torch.Tensor:
        with autocast(case.device, precision):
            features: torch.Tensor = encoder(views)
        return features

    alone = RepeatedForward(forward, "bench") if case.device.type == "cuda" else forward
    ceiling = batch / per_call(lambda: alone(inputs), case.device, case.seconds)
    fields = case.data.store.frame
    few, every = (CropStore(fields.iloc[: len(fields) // n], case.screen.root) for n in (4, 1))
    meta = {"in_channels": len(channels), "view_size": size, "channels": channels}
    statistics = case.data.statistics._asdict()

    def seconds(store: CropStore) -> float:
        return elapsed(lambda: embed(encoder, meta, store, statistics, options, case.device), 1, case.device)

    seconds(few)
    times = [(seconds(few), seconds(every)) for _ in range(2 if case.small else 6)]
    # the difference leaves out what a job does once: threads, pinned memory, tables
    once, whole = (median(column) for column in zip(*times))
    rate = (len(every) - len(few)) / max(whole - once, 1e-9)
    yield Figure("embedding with real input", rate, "images/s")
    yield Figure("the encoder alone", ceiling, "images/s")
    yield Figure("share of the encoder's own rate", 100 * rate / ceiling, "%", at_least=75)
    yield Figure(f"{WELLS:,} wells at that rate (derived)", WELLS / rate / 60, "min")
    yield Figure("what a job does once", once - len(few) / rate, "s")
    yield Figure("the encoder alone, by formula", ceiling * case.image_flops / 1e12, "TFLOP/s")
