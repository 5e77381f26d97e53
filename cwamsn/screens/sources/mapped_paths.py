"""What is said of the paths that `path_map` exchanges."""

from collections import Counter
from collections.abc import Mapping

from cwamsn.notes import note
from cwamsn.screen_specs.path_map import map_path


class MapCount:
    """How many paths of a plate's listing `path_map` has mapped."""

    def __init__(self, path_map: Mapping[str, str]) -> None:
        self.path_map, self.by_key = path_map, Counter[str]()
        self.paths, self.first = 0, ""

    def add(self, path: str) -> None:
        """Count a path of the listing."""
        self.paths += 1
        self.first = self.first or path
        if mapped := map_path(path, self.path_map):
            self.by_key[mapped.key] += 1

    def say(self, plate: str) -> None:
        """A line of the log with the counts; a note where no path of the plate begins with any key."""
        if not self.path_map or not self.paths:
            return
        if not self.by_key:
            keys = ", ".join(self.path_map)
            note(f"plate {plate}: path_map maps none of its {self.paths} paths (the first: {self.first}; keys: {keys})")
            return
        counts = "; ".join(f"{key} to {self.path_map[key]}: {n}" for key, n in self.by_key.most_common())
        print(f"plate {plate}: {self.by_key.total()} of {self.paths} image paths mapped by path_map ({counts})")
