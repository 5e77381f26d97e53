"""Screens whose images are arrays of Zarr stores, on this machine or on a host: OME-Zarr plates and JUMP-Lite.

Of a remote store the metadata and the chunks of the wanted planes are fetched, into a store of the same layout below
the unit's raw files; a local store is read where it is. Metadata are read as JSON (:mod:`cwamsn.screen_specs.ngff`).
"""
