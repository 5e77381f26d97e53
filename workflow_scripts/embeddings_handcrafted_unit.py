"""Measured features of one part of the evaluation screen."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cwamsn.crops import CropStore
    from cwamsn.embeddings.handcrafted import measure_part
    from cwamsn.files import atomic_path

    entry, index = snakemake.params.entry, Path(snakemake.input.crops)
    store = CropStore(index, index.parent.parent)
    table = pa.Table.from_pandas(measure_part(store, entry["features"], entry["options"]), preserve_index=False)
    with atomic_path(snakemake.output.features) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")
