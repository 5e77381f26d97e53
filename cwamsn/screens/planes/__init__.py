"""Planes of images: files, zip members and Parquet rows, decoded to grey arrays."""

from cwamsn.screens.planes.reader import PlaneReader, read_plane, split_uri

__all__ = ["PlaneReader", "read_plane", "split_uri"]
