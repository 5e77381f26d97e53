"""The colours of every figure and page. Imports nothing."""

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), readable with every common colour-vision deficiency.
SERIES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#777777")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DARK_SERIES = ("#F0803C", "#4FA3E0", "#2FBF92", "#DE9CC0", "#F0B73C", "#86CBF2", "#E4E9EE", "#7C8894")
"""The same hues, light enough for a dark ground, in the same order."""
SEQUENTIAL, DIVERGING = "cividis", "PuOr"
"""Colour maps of heat maps, by the names that matplotlib and Plotly know; the second one for numbers around zero."""
EMPHASIS = SERIES[0]
OTHERS = "#7A8CA3"
"""Bars beside the emphasised ones."""
REFERENCE = "#666666"
"""Lines of chance and of zero."""

PAGE = {
    "page": "#ffffff",
    "ink": "#1d2733",
    "soft": "#5b6875",
    "line": "#d9dfe5",
    "faint": "#eef1f4",
    "shade": "#f5f7f9",
    "link": SERIES[1],
    "mark": "#b3470a",
    "mark-shade": "#fff4e8",
    "fault": "#a4262c",
    "fault-shade": "#fdeceb",
    "on-fault": "#ffffff",
    "good": "#1c6b3c",
    "good-shade": "#e6f4ea",
}
"""Colours of light pages, by the names they have in the style sheet."""
DARK_PAGE = {
    "page": "#14191f",
    "ink": "#e4e9ee",
    "soft": "#9fabb7",
    "line": "#333d47",
    "faint": "#232b33",
    "shade": "#1c232a",
    "link": "#6db8ee",
    "mark": "#f0a35e",
    "mark-shade": "#33261a",
    "fault": "#f08a90",
    "fault-shade": "#3a1d20",
    "on-fault": "#14191f",
    "good": "#7fd1a0",
    "good-shade": "#17301f",
}
"""Colours of dark pages, by the same names."""


def style(i: int) -> dict[str, str]:
    """Colour and marker of the i-th series; of the first 64 no two are alike."""
    n = len(SERIES)
    return {"color": SERIES[i % n], "marker": MARKERS[(i + i // n) % n]}
