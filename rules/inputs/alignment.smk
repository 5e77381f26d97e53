"""Input functions and constants of stage alignment."""

from cwamsn.vocabulary import doses_kept

# Doses in the map, µM; None: all.
DOSES = doses_kept(
    config["alignment"]["concentrations"],
    (SCREENS.get(config["evaluation_screen"]) or {}).get("source"),
)

# Parts of the section that change a map, so that a change of the others does not make it again.
ALIGNMENT = {
    k: v
    for k, v in config["alignment"].items()
    if k not in ("method", "also", "threads")
} | {"concentrations": DOSES}


def map_path(model, seed, alignment=None):
    """A row's map; `alignment` names another one than the default."""
    default = alignment in (None, config["alignment"]["method"])
    name = f"seed{seed}" if default else f"seed{seed}.{alignment}"
    return f"{RESULTS}/maps/{model}/{name}.parquet"
