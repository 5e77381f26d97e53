"""The methods of a run and the kinds there are of them: the one table of what a kind is and can do.

No other module compares kinds by name: it asks `method.kind.trains`, `KINDS[name].ranked` or `plan.pattern(TRAINED)`. A
new kind is one line here, one variant in `config/schemas/` and one way to embed. Imports no pandas and no torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cwamsn.errors import InputError, nearest


class Kind(NamedTuple):
    """What a method of this kind is and can do."""

    name: str
    """The value of the key `kind`."""
    measured: bool = True
    """Has scores of its own; False: only numbers in a paper."""
    embeds_wells: bool = True
    """Has one vector per well; False: a finished map, or nothing at all."""
    needs_images: bool = False
    """Reads the images of the screen it embeds."""
    encodes: bool = False
    """Embeds images with a network, as the section `embedding` says."""
    trains: bool = False
    """Is trained here, on the training screen."""
    brings_encoder: bool = False
    """Takes its encoder from a folder: one that another run has trained, or an exported one."""
    seeded: bool = False
    """Has one result per seed of the run; else one in all."""
    by_unit: bool = False
    """Embeds each unit of a screen in a job of its own."""
    reads_file: bool = False
    """Takes its vectors from a file that the user or a host provides."""
    chance: bool = False
    """Shows what chance alone scores."""
    bound: bool = False
    """Knows what a simulated screen was drawn from: a bound, not a method."""
    on_method: bool = False
    """Takes the features of another method, which its key `features` names."""
    learns: bool = False
    """Learns a head on frozen features here, from the replicates of a screen."""
    in_studies: bool = False
    """Can be part of a study."""

    @property
    def ranked(self) -> bool:
        """Whether it takes part in the marks for best and second best."""
        return not (self.chance or self.bound)

    @property
    def described(self) -> bool:
        """Whether its encoder comes with what its training wrote about it: size, images, device."""
        return self.trains or self.brings_encoder

    def has(self, benchmark: str) -> bool:
        """Whether it has scores of a benchmark; a finished map has those of gene_gene alone."""
        return self.measured and (self.embeds_wells or benchmark == "gene_gene")


TRAINED = Kind("trained", needs_images=True, encodes=True, trains=True, seeded=True, in_studies=True)
ENCODER = Kind("encoder", needs_images=True, encodes=True, brings_encoder=True)
PRETRAINED = Kind("pretrained", needs_images=True, encodes=True)
RELEASED = Kind("released", reads_file=True)
HANDCRAFTED = Kind("handcrafted", needs_images=True, by_unit=True, in_studies=True)
LATENT = Kind("latent", bound=True, in_studies=True)
RANDOM = Kind("random", seeded=True, chance=True, in_studies=True)
PUBLISHED = Kind("published", measured=False, embeds_wells=False)
WELLS = Kind("wells", reads_file=True)
MAP = Kind("map", embeds_wells=False, reads_file=True)
CWA_HEAD = Kind("cwa-head", on_method=True, learns=True, seeded=True, in_studies=True)
ALIGNED = Kind("aligned", on_method=True, in_studies=True)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *(TRAINED, ENCODER, PRETRAINED, RELEASED, HANDCRAFTED, LATENT, RANDOM, PUBLISHED, WELLS, MAP),
        *(CWA_HEAD, ALIGNED),
    )
}

EMBEDDING_WELLS = tuple(kind for kind in KINDS.values() if kind.embeds_wells)
EMBEDDING_FILES = tuple(kind for kind in EMBEDDING_WELLS if kind.reads_file)
ON_METHODS = tuple(kind for kind in EMBEDDING_WELLS if kind.on_method)


# What tables print, what else decides when a job is run, and sections that reach a job by themselves.
_NOT_OF_EMBEDDINGS = (
    "title",
    "group",
    "tables",
    "paper_row",
    "training_data",
    "images",
    "parameters",
    "url",
    "licence",
    "sees_evaluation_screen",
    "seeds",
    "recipe",
    "embedding",
    "memory_mb",
)


@dataclass(frozen=True)
class Method:
    """A way to embed a screen, as configured: what tables print about it, and the seeds it is computed with."""

    name: str
    title: str
    kind: Kind
    seeds: tuple[int, ...]
    """Seeds it is computed with: none for published numbers, 0 alone where the seed changes nothing."""
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Its entry in the resolved configuration; the keys depend on the kind."""

    @property
    def tables(self) -> tuple[int, ...]:
        """Numbers of the paper's tables that it appears in."""
        return tuple(self.entry["tables"])

    @property
    def path(self) -> str | None:
        """The local file that it names, of embeddings or weights, or folder of an encoder; None where it names none."""
        return self.entry.get("path")

    @property
    def entry_of_embeddings(self) -> dict[str, object]:
        """The keys of its entry that its embeddings depend on, so that another title, say, reruns nothing."""
        return {key: value for key, value in self.entry.items() if key not in _NOT_OF_EMBEDDINGS}

    @property
    def features(self) -> str | None:
        """The method whose features it takes; None where it has features of its own."""
        return str(self.entry["features"]) if self.kind.on_method else None

    @property
    def parameters(self) -> float | None:
        """Number of parameters, where the configuration states it."""
        return self.entry.get("parameters")


def seeds_of(kind: Kind, own: Iterable[int] | None, run: Iterable[int]) -> tuple[int, ...]:
    """Seeds of a method: its own, else the run's where the seed matters, else 0; none where nothing is computed."""
    if not kind.measured:
        return ()
    return tuple(own or (run if kind.seeded or kind.on_method else (0,)))


def defined_methods(config: Mapping[str, Any]) -> dict[str, Method]:
    """Every method that the resolved configuration defines, whether its tables hold it or not, by name."""
    entries = config["definitions"] | config["embeddings"]
    return {name: method_of(name, entry, _seeds(name, entries, config["seeds"])) for name, entry in entries.items()}


def chain(name: str, known: Mapping[str, Method]) -> list[Method]:
    """A method and those that its features come from, one after the other; the last has features of its own.

    Raises
    ------
    InputError
        `features` names no method, one without vectors of wells, or the method itself by way of others.
    """
    found = [known[name]]
    while (below := found[-1].features) is not None:
        where = f"definitions.{found[-1].name}.features"
        if below not in known:
            raise InputError(f"{where}: no method is called {below!r}; {nearest(below, known)}")
        if not known[below].kind.embeds_wells:
            raise InputError(f"{where}: {below} is of kind {known[below].kind.name}, which has no vectors of wells")
        if below in {method.name for method in found}:
            raise InputError(f"{where}: {below} takes its features from {name} in turn; name another method")
        found.append(known[below])
    return found


def _seeds(name: str, entries: Mapping[str, Mapping[str, Any]], run: Iterable[int]) -> Iterable[int]:
    """The run's seeds; for what only passes on another method's features, those of that method."""
    visited = {name}
    while KINDS[entries[name]["kind"]].on_method and not KINDS[entries[name]["kind"]].seeded:
        name = entries[name]["features"]
        if name in visited or name not in entries:
            return run  # :func:`chain` says what is wrong
        visited.add(name)
    kind = KINDS[entries[name]["kind"]]
    return seeds_of(kind, entries[name].get("seeds"), run) or run


def method_of(name: str, entry: Mapping[str, Any], seeds: Iterable[int]) -> Method:
    """A method from its entry; `seeds` are the run's."""
    kind = KINDS[entry["kind"]]
    return Method(name, entry.get("title") or name, kind, seeds_of(kind, entry.get("seeds"), seeds), entry)


def methods_of(config: Mapping[str, Any]) -> list[Method]:
    """The methods that the run's tables hold, in order."""
    known = defined_methods(config)
    return [known[name] for name in config["methods"]]
