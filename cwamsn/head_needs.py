"""What methods on the features of another need: heads learned from replicates, and features that are aligned."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from cwamsn.alignment_names import OWN_AXES, steps_of
from cwamsn.errors import InputError, nearest
from cwamsn.methods import HANDCRAFTED, Method
from cwamsn.needs import Needs
from cwamsn.paths import counts_of


class HeadNeeds:
    """What methods on the features of another need.

    Parameters
    ----------
    needs : what the stages need.

    Raises
    ------
    InputError
        A method of the run names features that it cannot have.
    """

    def __init__(self, needs: Needs) -> None:
        self.needs, self.plan, self.config = needs, needs.plan, needs.config
        for method in self.plan.methods:
            if method.kind.on_method:
                self._check(method)

    def _check(self, method: Method) -> None:
        names = [found.name for found in self.needs.chain(method.name)]
        for above, below in pairwise(names):
            if below not in self.plan.names:
                raise InputError(f"definitions.{above}.features: {below} is not among `methods`; add it there")
        entry = self.needs.entry(method.name)
        if method.kind.learns:
            self._check_axes(method)
            self._check_fields(method)
        else:
            where = f"definitions.{method.name}"
            try:
                steps_of(entry["alignment"], self.config["alignment"]["recipes"])
            except InputError as error:
                raise InputError(f"{where}.alignment: {error}") from None
            other = entry["wells_of"]
            if other is not None and other not in self.plan.names:
                raise InputError(
                    f"{where}.wells_of: {other!r} is not among `methods`; {nearest(other, self.plan.names)}"
                )

    def _check_axes(self, method: Method) -> None:
        """Refuse features whose axes are others on every screen, such as principal components."""
        elsewhere = set(self.plan.evaluated) - {self.needs.learned_on(method.name)}
        for below in self.needs.chain(method.name)[1:]:
            if below.kind.learns or not below.kind.on_method:
                continue
            name = below.entry["alignment"]
            turned = [s.name for s in steps_of(name, self.config["alignment"]["recipes"]) if s.name in OWN_AXES]
            if turned and elsewhere:
                raise InputError(
                    f"definitions.{method.name}.features: {below.name} is aligned by {name}, whose features differ "
                    f"from screen to screen; take center-scale or sphering, or learn on {sorted(elsewhere)[0]} itself"
                )

    def _check_fields(self, method: Method) -> None:
        below = self.needs.chain(method.name)[1]
        where, entry = f"definitions.{method.name}", method.entry
        if entry["fields"] and not below.kind.needs_images:
            raise InputError(
                f"{where}.fields: {below.name} has no features of single fields, since it is of kind "
                f"{below.kind.name}; leave fields out"
            )
        if entry["fields"] and entry["scale"] == "training" and below.kind is HANDCRAFTED:
            raise InputError(
                f"{where}.scale: {below.name} has measured features, which are scaled by the spread of fields where "
                "fields are measured and by that of wells elsewhere; take scale: screen, or leave fields out"
            )
        if entry["head"]["target_from"] == "site" and not entry["fields"]:
            raise InputError(f"{where}.head.target_from: site needs the features of single fields; set fields: true")

    def features(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """Embeddings by the method below on a screen, with what is said about them, and the screen's wells."""
        below = str(self.plan.defined[method].features)
        path = self.plan.embeddings(screen, below, self.needs.seed_of(below, seed))
        return {"embeddings": path, "counts": counts_of(path), "wells": str(self.plan.screen(screen).wells)}

    def to_learn(self, method: str, seed: str) -> dict[str, str]:
        """What a head is learned from: features of wells, or of single fields."""
        screen = self.needs.learned_on(method)
        found = self.features(screen, method, seed)
        if self.needs.entry(method)["fields"]:
            below = str(self.plan.defined[method].features)
            path = self.plan.field_embeddings(screen, below, self.needs.seed_of(below, seed))
            found |= {"embeddings": path, "counts": counts_of(path)}
        return found

    def learning(self, method: str) -> dict[str, object]:
        """Which features a head takes, how it is learned, and of which share of a screen's perturbations."""
        found, screen = self.plan.defined[method], self.needs.learned_on(method)
        share = found.entry["learn_share"] if screen in self.plan.evaluated else None
        kept = {key: found.entry[key] for key in ("features", "head", "fields")}
        return kept | {"share": share}

    def scale(self, method: str) -> str:
        """What a head's features are scaled by."""
        return str(self.needs.entry(method)["scale"])

    def to_align(self, screen: str, method: str, seed: str) -> dict[str, str]:
        """What an aligned method is computed from."""
        found = self.features(screen, method, seed)
        if other := self.needs.entry(method)["wells_of"]:
            found["others"] = self.plan.embeddings(screen, other, self.needs.seed_of(other, seed))
        steps = steps_of(self.alignment(method), self.config["alignment"]["recipes"])
        if any(step.name == "regress-cell-count" for step in steps):
            cells = self.needs.all_cells(screen)
            found |= {"cells" if key == "counts" else key: path for key, path in cells.items()}
        return found

    def alignment(self, method: str) -> str:
        """The alignment of an aligned method."""
        return str(self.needs.entry(method)["alignment"])

    def options(self) -> Mapping[str, Any]:
        """What of the section `alignment` changes aligned vectors."""
        left_out = ("method", "also", "threads", "pool", "concentrations")
        return {key: value for key, value in self.config["alignment"].items() if key not in left_out}

    def all_heads(self) -> list[str]:
        """Every head of the run."""
        learned = [(m.name, seed) for m in self.plan.methods if m.kind.learns for seed in m.seeds]
        return [str(self.plan.model(name, seed).head) for name, seed in learned]
