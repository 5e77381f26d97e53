"""Which doses of compounds enter a map. Imports nothing, since the Snakefile reads it."""

from cwamsn.vocabulary import RXRX3_DOSES as CONCENTRATIONS


def doses_kept(setting: str | list[float] | None, source: str | None) -> list[float] | None:
    """The configuration's `alignment.concentrations` for a screen of `source`; None: all doses.

    `auto` is the published list for RxRx3-core, whose wells have stray doses, and no list for any other screen.
    """
    if setting != "auto":
        return setting
    return list(CONCENTRATIONS) if "rxrx3-core" in (source or "") else None
