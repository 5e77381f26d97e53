"""Input functions and constants of stage screens."""

from cwamsn.vocabulary import BRAY_STAINS
from cwamsn.screens import host_spec, lacks_images, local_files, unit_state, units

CACHE = f"{DATA}/cache"
HOST = f"{DATA}/{{screen}}/host"
ZIPS = BRAY_STAINS


def screens_of(*sources):
    """Pattern of a `screen` wildcard that matches the screens with these sources and no other."""
    names = [name for name, spec in SCREENS.items() if spec["source"] in sources]
    return "|".join(map(re.escape, names)) or "(?!)"


def screen_parts(screen):
    """Parts of a screen, known before anything is fetched."""
    try:
        return units(screen, SCREENS[screen])
    except InputError as error:
        raise WorkflowError(f"screens.{screen}: {error}")


def source_spec(wildcards):
    """The screen's keys as its real source takes them, those that decide what is fetched."""
    spec = host_spec(wildcards.screen, SCREENS[wildcards.screen], DATA)
    return {
        k: v
        for k, v in spec.items()
        if k not in ("channel_map", "retry", "watch_images")
    }


def _of_screen(name, function, *arguments):
    """`function` of a screen's keys; what is wrong with the user's files is one line."""
    try:
        return function(SCREENS[name], *arguments)
    except InputError as error:
        raise WorkflowError(f"screens.{name}: {error}")


def files_of(kind):
    """Input function: the layout of a simulated screen, or the user's own files that its `kind` of table is made from."""

    def files(wildcards):
        own_screen(wildcards.screen)
        if SCREENS[wildcards.screen]["source"].startswith("simulated-"):
            return [f"{DATA}/{wildcards.screen}/host/truth/wells.parquet"]
        return _of_screen(wildcards.screen, local_files, kind)

    return files


def state_of_part(wildcards):
    """Changes when the user's own images of a part do, or what load_data says of it."""
    return _of_screen(wildcards.screen, unit_state, wildcards.part)


def host_files(wildcards):
    """What a simulated screen's part waits for: its five zips, or its shard and the neighbours it may share wells with."""
    if lacks_images(SCREENS[wildcards.screen]):
        raise WorkflowError(
            f"screens.{wildcards.screen}.load_data: is null, and this run needs images of the screen; give load_data, or "
            "take out the rows that train on images or embed them"
        )
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
