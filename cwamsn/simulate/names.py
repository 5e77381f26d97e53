"""Names and counts that follow from a screen's keys alone; nothing heavy is imported here."""

import math

from cwamsn.errors import InputError

FIRST_BARCODE = 24277  # of the real screen
BARCODES_PER_MAP = 16  # replicate plates of a map are consecutive; the next map starts 16 barcodes later
ROW_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def address(row: int, column: int) -> str:
    """Well address of a 1-based row and column: (1, 1) is A01, (32, 48) is AF48."""
    letters = ROW_LETTERS[row - 1] if row <= 26 else "A" + ROW_LETTERS[row - 27]
    return f"{letters}{column:02d}"


def dmso_wells(spec: dict) -> int:
    """DMSO wells on a plate: 64 of 384 in proportion."""
    return round(spec["plate_rows"] * spec["plate_columns"] * 64 / 384)


def plate_maps(spec: dict) -> int:
    """Plate maps that the compounds need."""
    room = spec["plate_rows"] * spec["plate_columns"] - dmso_wells(spec)
    return math.ceil(spec["compounds"] / room)


def plate_groups(spec: dict) -> list[list[str]]:
    """Barcodes of the plates of each map (in the randomised layout: of each group of plates made together)."""
    replicates = spec["plates_per_compound"]
    if replicates > BARCODES_PER_MAP:
        raise InputError(f"plates_per_compound: {replicates} is more than {BARCODES_PER_MAP}; lower it")
    starts = [FIRST_BARCODE + BARCODES_PER_MAP * i for i in range(plate_maps(spec))]
    return [[str(start + i) for i in range(replicates)] for start in starts]


def simulated_units(spec: dict) -> list[str]:
    """Names of a simulated screen's parts: plate barcodes, or shards of the Parquet files."""
    if spec["source"] == "simulated-bray":
        return [plate for group in plate_groups(spec) for plate in group]
    if spec["source"] == "simulated-rxrx3-core":
        return [f"train-{i:05d}-of-{spec['shards']:05d}" for i in range(spec["shards"])]
    raise InputError(f"source: {spec['source']!r} is not simulated; use simulated-bray or simulated-rxrx3-core")
