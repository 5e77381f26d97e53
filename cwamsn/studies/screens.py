"""A simulated screen from its specification to a crop store, in one process: the stages' own functions, in order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cwamsn.crops import ChannelMap, CropOptions, crops_of, gather_crops, write_crops
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import RxRx3Spec, host_spec, parse_spec
from cwamsn.screens import fetch_truth, fetch_unit, write_wells
from cwamsn.simulate import simulate_layout, simulate_unit


def make_screen(name: str, section: Mapping[str, Any], sections: Mapping[str, Any], data: Path) -> Path:
    """Simulate, fetch and convert a screen below `data`; returns its folder.

    section: a simulated screen of the configuration, as resolved. sections: `crops` and `channel_maps`. The folder
    holds what the rules of the stages screens and crops make, at the same places.
    """
    screen, cache = ScreenPaths(data / name), data / "cache"
    spec, source = parse_spec(section), parse_spec(host_spec(name, section, data))
    options = crops_of(CropOptions.from_config(sections["crops"]), spec.crops)
    maps = {key: ChannelMap.from_config(entry) for key, entry in sections["channel_maps"].items()}
    simulate_layout(spec, screen.host)
    write_wells(screen, source, cache)
    units = spec.units()
    for unit in units:
        simulate_unit(spec, screen.host, unit)
    for unit in units:
        fetch_unit(screen.unit(unit), source, cache)
        write_crops(screen.unit(unit), options, spec.channel_map, maps)
    gather_crops(screen, units, microns_per_pixel=spec.pixel_size())
    if isinstance(source, RxRx3Spec):
        fetch_truth(source, cache, screen.truth)
    return screen.root
