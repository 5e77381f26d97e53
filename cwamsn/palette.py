"""The colours of every figure and page. Imports nothing."""

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), readable with every common colour-vision deficiency.
SERIES = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
EMPHASIS = SERIES[0]
OTHERS = "#7A8CA3"
"""Bars beside the emphasised ones."""
REFERENCE = "#666666"
"""Lines of chance and of zero."""

PAGE = {
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
}
"""Colours of pages, by the names they have in the style sheet."""


def style(i: int) -> dict[str, str]:
    """Colour and marker of the i-th series; of the first 64 no two are alike."""
    n = len(SERIES)
    return {"color": SERIES[i % n], "marker": MARKERS[(i + i // n) % n]}
