"""A screen and a trained encoder in, profiles out: what `cwamsn embed` and `cwamsn.load(folder).embed(...)` call.

The stages' own functions in one process tree; nothing here computes a number of its own.
"""

from cwamsn.profiling.choice import AUTO, align_on_controls, choose_alignment
from cwamsn.profiling.encoder import Encoder, ScreenProfiles, load
from cwamsn.profiling.run import Request, profile_screen
from cwamsn.profiling.settings import Settings, settings_of
from cwamsn.screen_specs.name_of import screen_name

__all__ = [
    "AUTO",
    "Encoder",
    "Request",
    "ScreenProfiles",
    "Settings",
    "align_on_controls",
    "choose_alignment",
    "load",
    "profile_screen",
    "screen_name",
    "settings_of",
]
