"""Which doses of compounds enter a map. Imports nothing, since the Snakefile reads it."""

# Doses of RxRx3-core that the published evaluation keeps, µM (COMPOUND_CONCENTRATIONS); strays such as 0.26 are dropped
CONCENTRATIONS = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)


def doses_kept(setting: str | list[float] | None, source: str | None) -> list[float] | None:
    """The configuration's `alignment.concentrations` for a screen of `source`; None: all doses.

    `auto` is the published list for RxRx3-core, whose wells have stray doses, and no list for any other screen.
    """
    if setting != "auto":
        return setting
    return list(CONCENTRATIONS) if "rxrx3-core" in (source or "") else None
