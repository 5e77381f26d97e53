"""Pages from the templates in `templates/`."""

from pathlib import Path

from cwamsn.pages import renderer

render = renderer(Path(__file__).with_name("templates"))
