"""Input functions and constants of stage screens."""

from cwamsn.screens import host_spec, parts

CACHE = f"{DATA}/cache"
HOST = f"{DATA}/{{screen}}/host"
ZIPS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]


def screens_of(*sources):
    """Pattern of a `screen` wildcard that matches the screens with these sources and no other."""
    names = [name for name, spec in SCREENS.items() if spec["source"] in sources]
    return "|".join(map(re.escape, names)) or "(?!)"


def screen_parts(screen):
    """Parts of a screen, known before anything is fetched."""
    try:
        return parts(screen, SCREENS[screen])
    except InputError as error:
        raise WorkflowError(f"screens.{screen}: {error}")


def source_spec(wildcards):
    """The screen's keys as its real source takes them, those that decide what is fetched."""
    spec = host_spec(wildcards.screen, SCREENS[wildcards.screen], DATA)
    return {k: v for k, v in spec.items() if k not in ("channel_map", "retry")}


def layout_of(wildcards):
    """What a simulated screen's metadata waits for."""
    simulated = SCREENS[wildcards.screen]["source"].startswith("simulated-")
    return [f"{DATA}/{wildcards.screen}/host/truth/wells.parquet"] if simulated else []


def host_files(wildcards):
    """What a simulated screen's part waits for: its five zips, or its shard and the neighbours it may share wells with."""
    source = SCREENS[wildcards.screen]["source"]
    host = f"{DATA}/{wildcards.screen}/host"
    if source == "simulated-bray":
        plate = wildcards.part
        return [f"{host}/cil/broad_data/plate_{plate}/{plate}-{c}.zip" for c in ZIPS]
    if source == "simulated-rxrx3-core":
        shards = screen_parts(wildcards.screen)
        at = shards.index(wildcards.part)
        return [f"{host}/data/{s}.parquet" for s in shards[max(0, at - 1) : at + 2]]
    return []
