"""The same stain under two names: an encoder's and a screen's. Light: nothing but names."""

import re
from collections.abc import Sequence

from cwamsn.errors import InputError
from cwamsn.vocabulary import SYNONYMS


def plain_name(stain: str) -> str:
    """A stain without case, blanks and signs, and without CellProfiler's `Orig` before it."""
    return re.sub(r"[^a-z0-9]", "", stain.casefold()).removeprefix("orig")


_GROUP = {plain_name(name): names[0] for names in SYNONYMS for name in names}


def stain_group(stain: str) -> str:
    """What is equal for two names of one stain, see :data:`cwamsn.vocabulary.SYNONYMS`."""
    return _GROUP.get(plain_name(stain), plain_name(stain))


def find_stains(wanted: Sequence[str], known: Sequence[str], *, some: bool = False) -> dict[str, str]:
    """The name among `known` of each stain that is `wanted`: the same name, else a well-known synonym.

    Raises InputError, with both lists, where one is missing (unless `some` are enough), and where two could be meant.
    """
    found: dict[str, str] = {}
    for stain in wanted:
        same = [name for name in known if stain_group(name) == stain_group(stain)]
        if stain in known:
            found[stain] = stain
        elif len(same) == 1:
            found[stain] = same[0]
        elif same:
            raise InputError(
                f"stains: the encoder's {stain} may be the screen's {' or '.join(same)}; say which: "
                f"--channels {stain}={same[0]},..."
            )
    missing = [stain for stain in wanted if stain not in found]
    if missing and not (some and known):
        raise InputError(
            f"stains: the encoder takes {', '.join(wanted)}, the screen has {', '.join(known) or 'none'}: "
            f"{', '.join(missing)} is not among them; name the screen's own, --channels {missing[0]}=NAME,..., or take "
            "an encoder for these stains"
        )
    twice = next((name for name in found.values() if list(found.values()).count(name) > 1), None)
    if twice is not None:
        both = " and ".join(stain for stain, name in found.items() if name == twice)
        raise InputError(f"stains: the encoder's {both} would both be the screen's {twice}; name them with --channels")
    return found
