"""Measured features of one unit of the evaluation screen."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cwamsn.crops import CropStore
    from cwamsn.embeddings import HandcraftedOptions
    from cwamsn.embeddings.handcrafted import measure_unit
    from cwamsn.files import atomic_path

    entry, index = snakemake.params.entry, Path(snakemake.input.crops)
    store = CropStore(index, index.parent.parent)
    if snakemake.params.get("by_field"):
        store = CropStore(store.frame.assign(well_id=store.frame["field_id"]), index.parent.parent)
    frame = measure_unit(store, entry["features"], HandcraftedOptions.from_config(entry["options"]))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with atomic_path(snakemake.output.features) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")
