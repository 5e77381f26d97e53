"""Single images of a store on a host, as a check samples them: without the rest of their plate."""

import hashlib
import re
from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.screen_specs import ngff
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, join
from cwamsn.screens.hosts import Fetched, Missing, fetch
from cwamsn.screens.planes import split_uri
from cwamsn.screens.sources.raw import link
from cwamsn.screens.sources.zarr_stores.store import Store

_INSIDE = re.compile(r"\.zarr/.", re.IGNORECASE)


def in_store(uri: str) -> bool:
    """Whether a URL is that of an image in a Zarr store."""
    return _INSIDE.search(split_uri(uri).path) is not None


def bring_plane(uri: str, cache: Path, how: Retry, absent: str = "refuse") -> tuple[str, list[Fetched]]:
    """(URI of the plane on this machine, what was fetched for it). InputError, Missing as `fetch` raises them.

    absent : what a chunk that is not there means, `refuse` or `zero`.
    """
    place = split_uri(uri)
    store = Store(place.path, cache, how)
    image = None
    array = store.array("", None)
    if array is None:
        image = ngff.image_of(store.attributes(""), place.path)
        array = store.array(image.dataset, image.axes)
    if array is None:
        raise InputError(f"{place.path}: its array is not in the store")
    below = f"{image.dataset}/" if image else ""
    wanted = (("c", place.selection.channel), ("t", place.selection.time))
    chosen = {axis: [number] for axis, number in wanted if number is not None}
    files = dict(store.metadata)
    for chunk in array.chunk_files(chosen):
        try:
            files[f"{below}{chunk}"] = fetch(Remote(join(store.location, f"{below}{chunk}")), cache, how)
        except Missing:
            if absent == "zero":
                continue
            raise Missing(
                f"{uri}: chunk {chunk} is not there; copy the store again, or set empty_chunks: zero"
            ) from None
    folder = cache / "zarr" / f"{hashlib.sha256(place.path.encode()).hexdigest()[:24]}.zarr"
    for name, fetched in files.items():
        if not (folder / name).exists():
            link(fetched.path, folder / name)
    return f"{folder}{uri[len(place.path) :]}", list(files.values())
