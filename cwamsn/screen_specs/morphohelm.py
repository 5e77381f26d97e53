"""Keys of MorphoHELM's well tables (`source: morphohelm`), and where each of its files is.

MorphoHELM (arXiv 2605.15383) publishes, by Git LFS, one table of normalised well profiles per model for each of five
sets of plates. There are no images.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cwamsn.errors import InputError, nearest
from cwamsn.screen_specs.base import HostedSpec
from cwamsn.screen_specs.locations import Remote, join, local_path

SETS = ("bbbc036", "cpg-moa", "cpg-crispr", "cpg-tgt2", "cpg-compound")
LABELLED = ("bbbc036", "cpg-moa")
"""Sets whose compounds have mechanisms of action."""
MODELS = (
    "cellprofiler",
    "cloome",
    "dino_v2_cls_token",
    "dino_v2_patch_token",
    "open_phenom",
    "resnet",
    "resnet_untrained",
    "subcell",
)
DATABASES = ("CORUM", "HuMAP", "REACTOME", "SIGNOR", "StringDB")
PROFILE = "CSAll_Plate__PCA64__MADCtrl_Plate__NoSph"
COMMIT = "d79d2cfc513305a0bf4d08734fb09465d5de55c1"


def _models() -> list[str]:
    return list(MODELS)


@dataclass(frozen=True, kw_only=True)
class MorphoHelmSpec(HostedSpec):
    """Section `screens.<name>` of one of MorphoHELM's sets; `config/README.md` describes every key."""

    source: ClassVar[str] = "morphohelm"
    set: str
    models: list[str] = field(default_factory=_models)
    base_url: str = f"https://media.githubusercontent.com/media/microsoft/MorphoHELM/{COMMIT}"
    labels_url: str = (
        f"https://raw.githubusercontent.com/microsoft/MorphoHELM/{COMMIT}/data/enrichment/moa_databases"
        "/cpjump16_moa/labeled_moa_samples.csv"
    )
    files: str | None = None
    cell_count_quantile: float | None = 0.05
    published_selection: bool = True
    sample: int | None = None

    def units(self) -> list[str]:
        """One, which has no images."""
        return [self.set]

    def metadata_files(self) -> list[str]:
        """Everything that the wells table is made from."""
        models = self.models if self.set == "cpg-compound" and self.published_selection else self.models[:1]
        found = [self.table(model) for model in models]
        found += [self.cell_counts_path()] if self.cell_count_quantile is not None else []
        found += [self.bbbc036_metadata()] if self.set == "bbbc036" else []
        labels = [self.labels_url] if self.set == "cpg-moa" else []
        return [self._location(path) for path in found] + labels + ([self.files] if self.files else [])

    def released_files(self) -> list[str]:
        """The well tables of its models."""
        return [self._location(self.table(model)) for model in self.models]

    def truth_files(self) -> list[str]:
        """Labels, or pairs of genes."""
        if self.set == "cpg-crispr":
            return [self._location(self.pairs(name)) for name in DATABASES]
        labels = {"bbbc036": self._location(self.bbbc036_metadata()), "cpg-moa": self.labels_url}
        return [labels[self.set]] if self.set in labels else []

    def table(self, model: str) -> str:
        """Path in the repository of a model's well table."""
        return f"data/main_paper_inputs/normalized/{PROFILE}/{self.set}/{model}_normalized.parquet"

    def cell_counts_path(self) -> str:
        """Path of the cell counts per well."""
        return f"data/qc/cell_counts/{'bbbc036' if self.set == 'bbbc036' else 'cpg'}_cell_counts.parquet"

    def bbbc036_metadata(self) -> str:
        """Path of the compounds and mechanisms of BBBC036's wells."""
        return "data/main_paper_inputs/metadata/bbbc036_metadata.parquet"

    def pairs(self, database: str) -> str:
        """Path of the pairs of genes of a database."""
        return f"data/enrichment/protein_databases/{database}.parquet"

    def remote(self, path: str) -> Remote:
        """A file of the repository, with its size and SHA-256. InputError for one that the list of files lacks."""
        known = listed_files(self.files)
        if path not in known:
            folder, _, name = path.rpartition("/")
            beside = [other.rpartition("/")[2] for other in known if other.startswith(f"{folder}/")]
            raise InputError(f"{self.files or 'the published list of files'}: has no {path}; {nearest(name, beside)}")
        size, digest = known[path]
        return Remote(self._location(path), size, f"sha256:{digest}")

    def _location(self, path: str) -> str:
        return join(self.base_url, *path.split("/"))


def listed_files(own: str | None) -> dict[str, tuple[int, str]]:
    """(bytes, SHA-256) of each file of the repository, by its path.

    own : the user's list, CSV with columns path, sha256 and size (or size_bytes); None: the published commit's.
    """
    path = local_path(own) if own else Path(__file__).with_name("morphohelm_files.csv")
    if path is None or not path.is_file():
        raise InputError(f"files: {own}: no such file on this machine; give a CSV with path, size and sha256")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    try:
        return {row["path"]: (int(row.get("size") or row["size_bytes"]), row["sha256"].lower()) for row in rows}
    except (KeyError, ValueError, AttributeError):
        raise InputError(f"{path}: is not a list of files; it needs the columns path, size and sha256") from None
