"""Stage profiles: embeddings with what is known of each well, as labs exchange them.

`well_profiles` joins embeddings with the wells table, `align_profiles` adds an alignment, `pool_profiles` makes one
profile per perturbation; `write_parquet` and `write_anndata` write them, `read_profiles` reads both, and what other
tools write in the same convention.
"""

from cwamsn.profiles.about import about_embedding, about_encoder, about_screen, about_view
from cwamsn.profiles.build import align_profiles, pool_profiles, well_profiles
from cwamsn.profiles.folder import count_fields, write_folder
from cwamsn.profiles.metadata import LEARNED, LEARNED_ON, wells_of
from cwamsn.profiles.read import read_profiles
from cwamsn.profiles.table import Profiles
from cwamsn.profiles.write import write_anndata, write_csv, write_parquet, write_profiles

__all__ = [
    "LEARNED",
    "LEARNED_ON",
    "Profiles",
    "about_embedding",
    "about_encoder",
    "about_screen",
    "about_view",
    "align_profiles",
    "count_fields",
    "pool_profiles",
    "read_profiles",
    "well_profiles",
    "wells_of",
    "write_anndata",
    "write_csv",
    "write_folder",
    "write_parquet",
    "write_profiles",
]
