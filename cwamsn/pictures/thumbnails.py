"""Pictures of the wells of a crop store."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.crops import CropStore
from cwamsn.crops.plates import plate_of
from cwamsn.errors import InputError
from cwamsn.pictures.colours import stain_colours
from cwamsn.pictures.composite import composite, shrink, single
from cwamsn.pictures.contrast import Contrast, plate_contrasts
from cwamsn.pictures.files import encode_picture
from cwamsn.pictures.options import PictureOptions


class Thumbnails:
    """Pictures of the wells of one screen, each plate in one contrast.

    Parameters
    ----------
    crops : crops table of the screen, a path or a frame
    root : the screen's data folder; None: the folder of the table
    options : size, format, contrast
    contrasts : by plate, as :func:`~cwamsn.pictures.plate_contrasts` gives; None: taken from the crops
    """

    def __init__(
        self,
        crops: str | Path | pd.DataFrame,
        root: str | Path | None = None,
        options: PictureOptions | None = None,
        *,
        contrasts: Mapping[Hashable, Contrast] | None = None,
    ) -> None:
        if root is None:
            if isinstance(crops, pd.DataFrame):
                raise InputError("pictures: a crops table in memory needs the data folder of its screen")
            root = Path(crops).parent
        self.options = options or PictureOptions()
        self.store = CropStore(crops, root)
        frame = self.store.frame
        self._plate = plate_of(frame).to_numpy()
        self._colours = stain_colours(self.channels)
        self._contrasts = dict(contrasts or {})
        self._all_contrasts = contrasts is not None
        order = np.argsort(frame["crop_id"].to_numpy(str), kind="stable")
        well = frame["well_id"].to_numpy()[order]
        self._of_well: dict[str, list[int]] = {}
        for place, name in zip(order.tolist(), well.tolist()):
            self._of_well.setdefault(name, []).append(place)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.store.channels

    @property
    def wells(self) -> Sequence[str]:
        """Ids of the wells that have a crop."""
        return list(self._of_well)

    def crops_of(self, well: str) -> list[int]:
        """Positions of a well's crops in the crops table, in order of their ids; empty where it has none."""
        return self._of_well.get(well, [])

    def contrast(self, crop: int) -> Contrast:
        """Contrast of the plate that a crop lies on."""
        if not self._all_contrasts:
            self._contrasts, self._all_contrasts = plate_contrasts(self.store, self.options), True
        plate = self._plate[crop]
        if plate not in self._contrasts:
            raise InputError(f"pictures: no contrast is given for plate {plate}; give one for each plate")
        return self._contrasts[plate]

    def pixels(self, crop: int) -> np.ndarray:
        """(H, W, 3) uint8 of a crop with all stains."""
        planes = shrink(self.store.load(crop), self.options.size, self.options.window)
        return composite(planes, self.contrast(crop), self._colours)

    def of_crop(self, crop: int) -> bytes:
        """Image file of a crop with all stains."""
        return encode_picture(self.pixels(crop), self.options)

    def of_channels(self, crop: int) -> list[bytes]:
        """Image file of each channel of a crop, in grey."""
        planes = shrink(self.store.load(crop), self.options.size, self.options.window)
        contrast = self.contrast(crop)
        return [encode_picture(single(plane, contrast, i), self.options) for i, plane in enumerate(planes)]

    def of_well(self, well: str) -> bytes | None:
        """Image file of a well's first crop with all stains; None where it has no crop."""
        crops = self.crops_of(well)
        return self.of_crop(crops[0]) if crops else None
