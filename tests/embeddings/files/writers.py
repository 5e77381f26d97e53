"""Embeddings written in every accepted format."""

import h5py
import numpy as np
import pandas as pd

N, D = 60, 19


def frame_of(ids, values):
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(values.shape[1])])
    frame.insert(0, "well_id", np.asarray(ids, dtype=object))
    return frame


def write_parquet(path, ids, values):
    frame_of(ids, values).to_parquet(path, index=False, row_group_size=17)


def write_csv(path, ids, values):
    frame_of(ids, values).to_csv(path, index=False)


def write_npz(path, ids, values):
    np.savez(path, well_id=np.array(ids, dtype=str), embeddings=values)


def write_h5(path, ids, values):
    """As CellCLIP writes it: channels apart, `Plate` before the plate's number."""
    names = [i.replace("compound-001_", "compound-001_Plate").encode() for i in ids]
    with h5py.File(path, "w") as file:
        file["embeddings"] = values[:, None, :]
        file.create_dataset("names", data=names, dtype=h5py.string_dtype())


def write_h5ad(path, ids, values):
    import anndata

    anndata.AnnData(values, obs=pd.DataFrame(index=pd.Index(ids, dtype=object))).write_h5ad(path)


def write_feather(path, ids, values):
    frame_of(ids, values).to_feather(path)


def write_npy(path, ids, values):
    np.save(path, values)
    pd.DataFrame({"well_id": np.asarray(ids, dtype=object)}).to_csv(path.with_suffix(".csv"), index=False)


WRITERS = {
    "parquet": write_parquet,
    "csv": write_csv,
    "npz": write_npz,
    "h5": write_h5,
    "h5ad": write_h5ad,
    "feather": write_feather,
    "npy": write_npy,
}


def write_parquet_folder(path, ids, values):
    """As Spark and CytoTable write it, in files of some rows each."""
    path.mkdir()
    for i, rows in enumerate(np.array_split(np.arange(len(ids)), 3)):
        frame_of(np.asarray(ids)[rows], values[rows]).to_parquet(path / f"part-{i}.parquet", index=False)


def write_zarr(path, ids, values):
    import zarr

    group = zarr.open_group(path, mode="w")
    group.create_array("well_id", data=np.array(ids, dtype=np.dtypes.StringDType()))
    group.create_array("embeddings", data=values)


def write_annotated_zarr(path, ids, values):
    import anndata

    anndata.AnnData(values, obs=pd.DataFrame(index=pd.Index(ids, dtype=object))).write_zarr(path)


def write_gzip(path, ids, values):
    frame_of(ids, values).to_csv(path, index=False, compression="gzip")


def write_tsv(path, ids, values):
    frame_of(ids, values).to_csv(path, index=False, sep="\t")


# Other forms of the same, by the end of their name.
MORE = {
    "parts.parquet": write_parquet_folder,
    "arrays.zarr": write_zarr,
    "annotated.zarr": write_annotated_zarr,
    "csv.gz": write_gzip,
    "tsv": write_tsv,
}
