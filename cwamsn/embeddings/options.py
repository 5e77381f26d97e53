"""How a row's images are embedded: the section `embedding` with the row's own keys."""

import difflib
from collections.abc import Mapping
from typing import Any

from cwamsn.errors import InputError

# how a job is run, not what it computes
RUN_KEYS = ("gpus", "runtime_minutes")


def options_of_row(section: Mapping[str, Any], name: str, own: Mapping[str, Any] | None) -> dict[str, Any]:
    """The configuration's `embedding` section with the keys of `own`, those of how a job is run left out.

    `own` is `models.<name>.embedding`. Raises InputError for a key that it does not know, with the nearest ones.
    """
    shared = {key: value for key, value in section.items() if key not in RUN_KEYS}
    for key in own or {}:
        where = f"models.{name}.embedding.{key}"
        if key in RUN_KEYS:
            raise InputError(f"{where}: holds for every row; set it in `embedding`")
        if key not in shared:
            close = difflib.get_close_matches(str(key), shared, n=3, cutoff=0.5)
            raise InputError(f"{where}: unknown key; {'nearest' if close else 'known'}: {', '.join(close or shared)}")
    return shared | dict(own or {})
