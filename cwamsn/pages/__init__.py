"""What every page has in common: colours, style sheet, layout; each page needs nothing beside itself, and no network.

A package that writes pages keeps its templates in a folder of its own and makes its `render` from it::

    render = renderer(Path(__file__).with_name("templates"))
    text = render("atlas.html.j2", title="...")

Its templates begin with `{% extends "base.html.j2" %}` and fill the blocks `title`, `head` and `body`. The style sheet
is there already: colours are CSS variables (`var(--ink)`, `var(--series-0)`, see :mod:`cwamsn.palette`), with a light
and a dark value each. Macros (`{% from "macros.html.j2" import grid, picture, theme_switch %}`) draw frames, pictures
and the switch between the two. A script asks :data:`DARK_NOW` which of them is on.
"""

from cwamsn.pages.render import renderer, script_json, shown
from cwamsn.pages.theme import DARK_NOW, style_sheet

__all__ = ["DARK_NOW", "renderer", "script_json", "shown", "style_sheet"]
