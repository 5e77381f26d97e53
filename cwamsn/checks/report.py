"""What a check of a screen found: findings of three levels, and what is known of the screen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """The run would stop, lose much of the screen, or give a wrong result."""
    WARNING = "warning"
    """The run would leave something out, or something looks wrong."""
    INFO = "info"
    """Good to know; nothing to do."""


@dataclass(frozen=True)
class Finding:
    """One line: what was found and what to do about it."""

    level: Level
    about: str
    """`files`, `images`, `wells`, `controls`, `plates`, `layout`, `screen`."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What making crops and profiles of the whole screen takes."""

    seconds_per_field: float
    """Processor time of decoding, conversion and judging, measured on the sample."""
    crop_hours: float
    """Of all fields on one core."""
    images_per_second: float
    """Planes decoded, converted and judged on one core."""
    raw_bytes: int
    """Of the images on disk, or of those to be downloaded."""
    raw_measured: bool
    """Whether every file was measured; else the sample's mean stands for the others."""
    store_bytes: int
    """Of the crop store, from the compressed sample."""
    encoder_hours: float
    """An estimate: operations of a ViT-S/16 on one view of 224 px per field, by this core's own speed."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Which fields were decoded."""

    fields: int
    of: int
    images: int
    plates: int
    of_plates: int
    seed: int

    @property
    def everything(self) -> bool:
        """Whether every field of the screen was decoded."""
        return self.fields == self.of


@dataclass(frozen=True, kw_only=True)
class PlateFacts:
    """One plate, for the table of the page."""

    plate: str
    wells: int
    fields: int
    left_out: int
    negative_controls: int
    perturbations: int
    decoded: int
    unusable: int
    size: str
    bits: str
    means: Mapping[str, float]
    """Mean grey level of the 8-bit crops by channel, of the decoded fields."""


@dataclass(kw_only=True)
class Report:
    """Everything that a check found."""

    screen: str
    source: str
    findings: list[Finding] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    """What a reader sees at a glance, by title."""
    plates: list[PlateFacts] = field(default_factory=list)
    layout: list[dict[str, object]] = field(default_factory=list)
    """Rows of :func:`cwamsn.screens.layout_report`."""
    sample: Sample | None = None
    """None where no image was decoded."""
    cost: Cost | None = None
    pictures: list[tuple[str, bytes]] = field(default_factory=list)
    """Name and PNG of each channel of one field, as the encoder sees it."""
    shown: str = ""
    """Which field that is."""
    seconds: float = 0.0
    """Time that the check took."""

    def add(self, level: Level, about: str, text: str) -> None:
        """Note a finding, once."""
        found = Finding(level, about, " ".join(text.split()))
        if found not in self.findings:
            self.findings.append(found)

    def of(self, level: Level) -> Sequence[Finding]:
        """Findings of a level, in the order in which they were made."""
        return [found for found in self.findings if found.level is level]

    @property
    def failed(self) -> bool:
        """Whether anything was found that must be corrected first."""
        return bool(self.of(Level.ERROR))

    @property
    def verdict(self) -> str:
        """One sentence."""
        errors, warnings = len(self.of(Level.ERROR)), len(self.of(Level.WARNING))
        doubts = f"{warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
        if errors:
            faults = f"{errors} error{'s' if errors > 1 else ''}"
            return f"not ready: {faults}{f', {doubts}' if doubts else ''}"
        return f"ready, with {doubts}" if doubts else "ready"

    def as_json(self) -> dict[str, object]:
        """The report as one JSON object, without pictures."""
        return {
            "screen": self.screen,
            "source": self.source,
            "verdict": self.verdict,
            "errors": len(self.of(Level.ERROR)),
            "warnings": len(self.of(Level.WARNING)),
            "findings": [{**asdict(found), "level": str(found.level)} for found in self.findings],
            "facts": self.facts,
            "sample": asdict(self.sample) if self.sample else None,
            "cost": asdict(self.cost) if self.cost else None,
            "plates": [asdict(plate) for plate in self.plates],
            "layout": self.layout,
            "seconds": round(self.seconds, 3),
        }
