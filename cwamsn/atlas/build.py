"""Everything that an atlas shows, from profiles: points, groups of wells, neighbours, relationships, pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from cwamsn.alignment.pooling import group_means
from cwamsn.atlas.columns import Column, category, number, of_metadata, of_scores
from cwamsn.atlas.known import Known, known_relationships, with_similarity
from cwamsn.atlas.nearest import Nearest, nearest_of_all
from cwamsn.atlas.options import AtlasOptions
from cwamsn.atlas.projections import pca_map, umap_map
from cwamsn.hits.nearest import Perturbations, perturbations
from cwamsn.notes import note
from cwamsn.profiles import Profiles, wells_of
from cwamsn.wells import is_negative


@dataclass(frozen=True, eq=False)
class Level:
    """Points of one kind: wells, or perturbations at a dose."""

    columns: list[Column]
    maps: dict[str, np.ndarray]
    """`pca`, `umap` → (N, 2) float32."""

    def __len__(self) -> int:
        return len(self.maps["pca"])


@dataclass(frozen=True, eq=False)
class Atlas:
    """What a page of an atlas is made from."""

    wells: pd.DataFrame
    """N wells in the order of their ids: `well_id, plate, plate_name, address, experiment, control, ...`."""
    well_level: Level
    groups: pd.DataFrame
    """G rows `perturbation_type, perturbation, concentration, control` (bool): P perturbations and doses, then the
    negative controls by name."""
    group_level: Level
    code: np.ndarray
    """(N,) group of each well; -1: its perturbation is unknown."""
    nearest: Nearest
    """Of the P perturbations."""
    known: Known
    pictures: dict[int, bytes] = field(default_factory=dict)
    """Picture of a well, by its place among the wells."""
    stains: dict[str, str] = field(default_factory=dict)
    """Colour of each channel in the pictures."""
    means: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    """(G, D) profile of each group, the mean of its wells."""
    alignment: str = ""
    """Name of the alignment of the vectors."""
    about: Mapping[str, object] = field(default_factory=dict)
    """Where the profiles come from."""

    @property
    def treated(self) -> int:
        """P: groups that are no negative control."""
        return len(self.nearest.index)


def build_atlas(
    profiles: Profiles,
    options: AtlasOptions | None = None,
    alignment: str | None = None,
    *,
    scores: Mapping[str, pd.DataFrame] | None = None,
    extra: pd.DataFrame | None = None,
    annotations: str | None = None,
    aliases: str | None = None,
) -> Atlas:
    """All that needs no image, with PCA as the only map; :func:`with_umap` adds the other.

    Parameters
    ----------
    profiles : of wells, in the order of their ids, as :func:`cwamsn.atlas.source.read_source` gives them
    options : section `atlas`
    alignment : name of one that the profiles have; None: the first
    scores : tables of numbers to colour by, with `perturbation` (and `perturbation_type`, `concentration`) or `well_id`
    extra : N rows of further numbers of the wells
    annotations : folder of known relationships among genes; None: those of efaar-benchmarking
    aliases : as `gene_gene.aliases`
    """
    options, scores = options or AtlasOptions(), scores or {}
    vectors, wells = profiles.vectors(alignment), wells_of(profiles.obs)
    wells = wells.assign(plate_name=plate_names(wells))
    screen = perturbations(vectors, wells)
    assert (screen.wells["well_id"].to_numpy() == wells["well_id"].to_numpy()).all(), "wells are not in order"
    groups, code = _groups(screen)
    means = group_means(vectors.astype(np.float64), np.flatnonzero(code >= 0), code[code >= 0], len(groups))
    near = nearest_of_all(screen, options)
    genes = groups.loc[
        ~groups["control"] & (groups["perturbation_type"] != "COMPOUND"), "perturbation"
    ].drop_duplicates()
    known = known_relationships(list(genes), options.sources, annotations, aliases)
    from_controls = _from_controls(vectors, wells)
    well_columns = of_metadata(profiles.obs.assign(Metadata_Plate=wells["plate_name"].to_numpy()))
    if from_controls is not None:
        well_columns.append(number("from_controls", "distance from controls", from_controls(vectors)))
    if extra is not None:
        well_columns += [number(str(name), str(name).replace("_", " "), extra[name]) for name in extra]
    well_columns += of_scores(wells, scores, ["well_id"])
    group_columns = _group_columns(groups, screen, profiles.obs, code)
    if from_controls is not None:
        group_columns.append(number("from_controls", "distance from controls", from_controls(means)))
    for column in well_columns:
        if column.key == "Metadata_CellCount" or (extra is not None and column.key in extra):
            group_columns.append(replace(column, values=_mean_of_wells(column.values, code, len(groups))))
    group_columns += of_scores(groups, scores, ["perturbation", "perturbation_type", "concentration"])
    return Atlas(
        wells=wells,
        well_level=Level(well_columns, {"pca": pca_map(vectors)}),
        groups=groups,
        group_level=Level(group_columns, {"pca": pca_map(means)}),
        code=code,
        nearest=near,
        known=with_similarity(known, genes.index.to_numpy(), screen.profiles),
        means=means,
        alignment=profiles.alignment(alignment),
        about=profiles.about,
    )


def with_umap(atlas: Atlas, profiles: Profiles, options: AtlasOptions, alignment: str | None = None) -> Atlas:
    """The atlas with UMAP beside PCA, where there are not too many points for it."""
    vectors = profiles.vectors(alignment)
    levels = []
    for level, values, what in (
        (atlas.well_level, vectors, "wells"), (atlas.group_level, atlas.means, "perturbations")
    ):  # fmt: skip
        if len(level) > options.umap_up_to:
            note(f"atlas: {len(level):,} {what} are more than atlas.umap_up_to; their map has PCA alone")
            levels.append(level)
            continue
        found = umap_map(
            values, neighbours=options.umap_neighbours, min_dist=options.umap_min_dist,
            components=options.umap_components, seed=options.seed,
        )  # fmt: skip
        levels.append(level if found is None else replace(level, maps={**level.maps, "umap": found}))
    return replace(atlas, well_level=levels[0], group_level=levels[1])


def plate_names(wells: pd.DataFrame) -> np.ndarray:
    """(N,) names of plates; with the batch where a name stands in several: RxRx3-core's plates 1 to 48 repeat."""
    plate, batch = wells["plate"].astype(str), wells["experiment"].astype(str)
    repeats = pd.DataFrame({"plate": plate, "batch": batch}).drop_duplicates()["plate"].duplicated().any()
    return (batch + " / " + plate if repeats else plate).to_numpy(dtype=object)


def _groups(screen: Perturbations) -> tuple[pd.DataFrame, np.ndarray]:
    """Perturbations and doses, then negative controls by type and name; and the group of each well."""
    keys = screen.keys.assign(control=False)
    code = screen.code.copy()
    rows = np.flatnonzero(is_negative(screen.wells))
    if len(rows):
        names = screen.wells.iloc[rows][["perturbation_type", "perturbation"]].reset_index(drop=True)
        names["perturbation"] = names["perturbation"].fillna("negative control")
        grouped = names.groupby(list(names.columns), sort=True)
        code[rows] = len(keys) + grouped.ngroup().to_numpy()
        more = grouped.size().index.to_frame(index=False)
        more = more.assign(concentration=np.nan, n_wells=np.bincount(code[rows] - len(keys)), control=True)
        plates = pd.Series(screen.plate[rows]).groupby(code[rows]).nunique().to_numpy()
        keys = pd.concat([keys, more.assign(n_plates=plates)], ignore_index=True)
    return keys, code


def _from_controls(vectors: np.ndarray, wells: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function of vectors: their distance from the mean of the negative controls, that of a control being 1."""
    negative = is_negative(wells)
    if negative.sum() < 2:
        return None
    mean = vectors[negative].mean(axis=0, dtype=np.float64)

    def distance(values: np.ndarray) -> np.ndarray:
        return np.sqrt(((values - mean) ** 2).sum(axis=1))

    usual = float(np.median(distance(vectors[negative])))
    return lambda values: distance(values) / (usual or 1.0)


def _group_columns(groups: pd.DataFrame, screen: Perturbations, obs: pd.DataFrame, code: np.ndarray) -> list[Column]:
    role = pd.Series(np.where(groups["control"], "negative control", "perturbation"))
    agreement = np.full(len(groups), np.nan)
    agreement[: len(screen.agreement)] = screen.agreement
    found = [
        category("type", "type of perturbation", groups["perturbation_type"]),
        category("control", "control", role),
        number("concentration", "dose, µM", groups["concentration"], logarithmic=True),
        number("n_wells", "wells", groups["n_wells"]),
        number("n_plates", "plates", groups["n_plates"]),
        number("replicates", "similarity of replicates", agreement),
    ]
    found = [c for c in found if c.categories is None or len(c.categories) > 1]
    found = [c for c in found if c.categories is not None or np.isfinite(c.values).any()]
    skip = {"Metadata_Perturbation", "Metadata_PerturbationType", "Metadata_Control", "Metadata_Concentration"}
    kept = pd.Series(code[code >= 0])
    more = {}
    for name in [n for n in obs if n not in skip and obs[n].dtype == object]:
        values = obs[name].to_numpy()[code >= 0]
        grouped = pd.Series(values).groupby(kept, sort=True)
        same = grouped.nunique(dropna=False) == 1
        if same.mean() > 0.9:
            more[name] = grouped.first().where(same).reindex(range(len(groups))).to_numpy()
    return found + of_metadata(pd.DataFrame(more, index=range(len(groups)), dtype=object))


def _mean_of_wells(values: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    known = np.isfinite(values) & (code >= 0)
    sums = np.bincount(code[known], values[known], count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums / np.bincount(code[known], minlength=count)).astype(np.float32)
