"""Input functions and constants of stage crops."""

# What decides the crops of a part; the key `plates` only judges all parts together.
CROPS = {key: value for key, value in config["crops"].items() if key != "plates"}


def crop_params(wildcards):
    """What of the configuration decides the bytes of a part's crops."""
    return {"channel_map": SCREENS[wildcards.screen].get("channel_map")}


def of_parts(pattern):
    """Input function: `pattern` below the screen's folder, for each of its parts."""

    def paths(wildcards):
        own_screen(wildcards.screen)
        parts = screen_parts(wildcards.screen)
        return expand(f"{DATA}/{wildcards.screen}/{pattern}", part=parts)

    return paths
