"""The colours of pages as CSS: light, or dark where the reader's system or the switch says so; light in print."""

from collections.abc import Mapping

from cwamsn.palette import DARK_PAGE, DARK_SERIES, PAGE, SERIES

LIGHT: dict[str, str] = PAGE | {f"series-{i}": colour for i, colour in enumerate(SERIES)}
DARK: dict[str, str] = DARK_PAGE | {f"series-{i}": colour for i, colour in enumerate(DARK_SERIES)}

# The switch is three radio buttons (macro `theme_switch`): it needs no script. `data-theme` is for scripts.
_LIGHT_CHOSEN = ':root[data-theme="light"], :root:has(#theme-light:checked)'
_DARK_CHOSEN = ':root[data-theme="dark"], :root:has(#theme-dark:checked)'

DARK_NOW = 'getComputedStyle(document.documentElement).colorScheme === "dark"'
"""A JavaScript expression: whether the page is dark. After a change, the switch's `change` event bubbles to `body`."""


def _rule(selector: str, colours: Mapping[str, str], scheme: str) -> str:
    lines = "\n".join(f"  --{name}: {colour};" for name, colour in colours.items())
    return f"{selector} {{\n  color-scheme: {scheme};\n{lines}\n}}\n"


def style_sheet() -> str:
    """The variables of both themes; each rule overrides those before it."""
    return "".join(
        (
            _rule(":root", LIGHT, "light"),
            "@media (prefers-color-scheme: dark) {\n" + _rule(":root", DARK, "dark") + "}\n",
            _rule(_LIGHT_CHOSEN, LIGHT, "light"),
            _rule(_DARK_CHOSEN, DARK, "dark"),
            "@media print {\n" + _rule(f":root, {_LIGHT_CHOSEN}, {_DARK_CHOSEN}", LIGHT, "light") + "}\n",
        )
    )
