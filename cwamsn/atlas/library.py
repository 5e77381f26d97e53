"""The drawing library that an atlas bundles, from its installed package (docs/decisions/0004-drawing.md).

regl-scatterplot draws the points. PyPI has it inside jupyter-scatter, as one file of JavaScript for notebooks, whose
last statement is changed here so that it hands out the functions that pages need. The package is not imported.
"""

import re
from importlib import metadata
from pathlib import Path

from cwamsn.errors import InputError

DISTRIBUTION = "jupyter-scatter"
BUNDLE = "jscatter/bundle.js"
FUNCTIONS = ("createScatterplot", "createRenderer")
_EXPORTS = re.compile(r"^export \{[^}]*\};?", re.MULTILINE)


def drawing_library() -> tuple[str, str]:
    """JavaScript of a module that makes :data:`FUNCTIONS` global; and the package with its version and licence.

    Raises
    ------
    InputError
        The package is not installed, or its file is not as it is known here.
    """
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise InputError(
            f"atlas: the package {DISTRIBUTION} is not installed, which draws the map: pip install 'cwamsn[atlas]'"
        ) from None
    path = Path(str(found.locate_file(BUNDLE)))
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if any(f"var {name} = " not in text for name in FUNCTIONS) or not _EXPORTS.search(text):
        raise InputError(
            f"{path}: not the file that {DISTRIBUTION} 1 has there; install that version: pip install "
            f"'{DISTRIBUTION}<2'"
        )
    text = _EXPORTS.sub("", text) + "".join(f"\nglobalThis.{name} = {name};" for name in FUNCTIONS)
    # what would end the script of a page early
    text = text.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return text, f"regl-scatterplot (MIT) as in {DISTRIBUTION} {found.version} (Apache-2.0)"
