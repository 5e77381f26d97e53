"""A screen's keys as its source takes them, for the scripts of this stage."""

from typing import Any


def full_spec(snakemake: Any) -> dict[str, Any]:
    """`params.spec` and the keys that do not change what is fetched, so that changing them reruns nothing."""
    screen = snakemake.config["screens"][snakemake.wildcards.screen]
    licence = snakemake.config["accept_noncommercial_licence"]
    return {**snakemake.params.spec, "retry": screen.get("retry"), "accept_noncommercial_licence": licence}
