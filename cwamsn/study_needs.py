"""What the jobs of a study need: the configured methods and pairs of simulated screens, by point."""

from collections.abc import Mapping
from typing import Any

from cwamsn.errors import InputError
from cwamsn.methods import Method
from cwamsn.needs import Needs
from cwamsn.recipes import complete_recipe
from cwamsn.studies.plan import check_minimum, check_sections, point_screens, point_seeds, training_seeds

# Sections of the configuration that a point depends on.
SECTIONS = (
    "crops",
    "channel_maps",
    "embedding",
    "alignment",
    "gene_gene",
    "compound_gene",
    "plate_probe",
    "replicate_map",
    "bootstrap",
)


class StudyNeeds:
    """What the points of a study need, and its report.

    Parameters
    ----------
    needs : what the stages need.
    """

    def __init__(self, needs: Needs) -> None:
        self.needs, self.plan, self.config = needs, needs.plan, needs.config
        self.study: Mapping[str, Any] = self.config["study"]
        self.sections = {name: self.config[name] for name in SECTIONS}

    def methods(self, point: str, screen_seed: str | int) -> dict[str, dict[str, object]]:
        """The configured methods with complete recipes and the pair's own seeds, as a job of a point takes them."""
        own = (self.study["points"][point] or {}).get("recipe") or {}
        check_sections(self.sections)
        check_minimum(self.config["minimum_cells"])
        try:
            found = {m.name: self._method(m, own) for m in self.plan.methods if m.kind.measured}
        except InputError as error:
            raise InputError(f"study.points.{point}.recipe: {error}") from None
        for method in self.plan.methods:
            seeded = next((m for m in self.needs.chain(method.name) if m.kind.seeded or not m.kind.on_method), method)
            if seeded.kind.seeded:
                found[method.name]["seeds"] = training_seeds(method.seeds, int(screen_seed))
        return found

    def _method(self, method: Method, own: Mapping[str, Any]) -> dict[str, object]:
        found = dict(method.entry) | {"seeds": list(method.seeds)}
        if method.kind.trains:
            found["recipe"] = complete_recipe(self.config, self.needs.schema, method.name, own)
            found["gpus"] = 1 if self.config["training"]["gpus"] else 0  # a study trains on one process
        return found

    def screens(self, point: str, screen_seed: str | int) -> dict[str, Mapping[str, Any]]:
        """The pair of screens of one point and seed."""
        return point_screens(self.config, self.needs.schema, point, int(screen_seed))

    def designs(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """The pair of screens of every point, with its first seed."""
        return {point: self.screens(point, seeds[0]) for point, seeds in point_seeds(self.study).items()}

    def scores(self) -> list[str]:
        """Scores of every point and seed."""
        points = point_seeds(self.study)
        if not points:
            raise InputError(
                "study.screen_seeds: is empty; give the target study a configuration such as config/demonstration.yaml"
            )
        return [self.plan.study_scores(point, seed) for point, seeds in points.items() for seed in seeds]

    def titles(self) -> dict[str, str]:
        """What tables print of each method."""
        return {method.name: method.title for method in self.plan.methods}

    def bounds(self) -> list[str]:
        """Methods that are bounds."""
        return [method.name for method in self.plan.methods if method.kind.bound]
