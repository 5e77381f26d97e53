"""The Bray screen (cpg0012, CC0): 406 plates, five exposures, six fields of view per well.

Images come from the Cell Image Library (one zip per channel and plate) or the Cell Painting Gallery's bucket (one flat
folder per plate); metadata from the Gallery's plate maps or from the table that the package `cpimgs` ships.
"""

from cwamsn.screens.sources.bray.images import acquire
from cwamsn.screens.sources.bray.metadata import read_wells

__all__ = ["acquire", "read_wells"]
