"""Any Cell Painting set described by a `load_data.csv` and a plate map, in the Cell Painting Gallery's style.

Without images (own profiles are scored) a plate map is enough.
"""

from cwamsn.screens.sources.load_data.images import acquire
from cwamsn.screens.sources.load_data.metadata import read_wells

__all__ = ["acquire", "read_wells"]
