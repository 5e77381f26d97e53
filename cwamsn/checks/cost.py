"""What a run over the whole screen takes, from the sample; the encoder's part is an estimate."""

import time

import numpy as np

from cwamsn.checks.decoding import Decoded
from cwamsn.checks.listing import Listing
from cwamsn.checks.report import Cost

# A ViT-S/16 on one view of 224 x 224: 197 tokens of width 384, twelve blocks, each multiplying 12 d^2 per token and
# 2 n d for its attention; two operations per multiplication.
_TOKENS, _WIDTH, _BLOCKS = 197, 384, 12
OPERATIONS = 2 * _BLOCKS * (12 * _TOKENS * _WIDTH**2 + 2 * _TOKENS**2 * _WIDTH)
_REACHED = 0.6  # share of a large matrix product's speed that an encoder reaches (docs/performance.md: 0.7 to 0.9)


def cost_of(listing: Listing, decoded: Decoded, channels: int) -> Cost:
    """Time and disk for all fields of the screen; those of units that were not listed count as the others do."""
    qc = decoded.qc
    share = len(listing.units) / max(len(listing.looked_at), 1)
    fields = round(len(listing.fields) * share)
    known = qc[qc["height"].notna()] if "height" in qc else qc.iloc[:0]
    pixels = float((known["height"] * known["width"]).mean()) if len(known) else 0.0
    local = sum(listing.sizes.values())
    raw = local * share if local else decoded.fetched_bytes / max(len(qc), 1) * fields
    per_field = decoded.seconds
    return Cost(
        seconds_per_field=per_field,
        crop_hours=per_field * fields / 3600,
        images_per_second=len(listing.stains) / per_field if per_field else 0.0,
        raw_bytes=int(raw),
        raw_measured=bool(local) and share == 1,
        store_bytes=int(decoded.stored_share * pixels * channels * fields),
        encoder_hours=OPERATIONS * fields / (_REACHED * operations_per_second()) / 3600,
    )


def operations_per_second() -> float:
    """Multiplications and additions per second of one product of matrices on one core, in single precision."""
    a = np.ones((768, 768), np.float32)
    best = np.inf
    for _ in range(4):
        start = time.process_time()
        _ = a @ a
        best = min(best, time.process_time() - start)
    return 2 * 768**3 / max(best, 1e-6)
