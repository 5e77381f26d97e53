"""Pictures of a run's report for the documentation: `python -m tests.screenshots results/demo docs/images`.

Light and dark, at 1,400 and at 400 px, in few colours, so that they are small.
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser import Browser

SIZES = {"wide": (1400, 1000), "narrow": (400, 1000)}
COLOURS = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--page", type=Path, default=Path("report.html"), help="page of the run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        for size, (width, height) in SIZES.items():
            for dark in (False, True):
                page = browser.open(given.run / given.page, width=width, height=height, dark=dark)
                name = f"{given.page.stem}_{size}_{'dark' if dark else 'light'}.png"
                path = page.screenshot(given.out / name)
                Image.open(path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
                print(path, path.stat().st_size, "bytes;", page.problems or "no problem")


if __name__ == "__main__":
    main()
