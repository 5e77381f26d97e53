"""Fields of view: cells drawn as stacks of patches, then the optics and the camera.

All cells of a field are drawn at once, in stacks small enough to stay in the processor's cache.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from cwamsn.screen_specs.simulated import SimulatedSpec
from cwamsn.simulate.nuisance import Optics
from cwamsn.simulate.phenotypes import INDEX, SPREAD, to_values
from cwamsn.simulate.seeding import generator

ATLAS = 512  # px; side of a texture, a power of two
GRAIN = 8.0  # px; grain of the textures in the atlas
STACK = 48_000  # pixels of a stack of patches, about the size of a second-level cache with its temporaries


@dataclass(frozen=True)
class Camera:
    """Grey levels of an untouched field: background and mean signal of a cell for each channel, and the saturation."""

    background: np.ndarray
    signal: np.ndarray
    full_scale: int
    noise: float  # standard deviation at the square root of a signal of one level


@cache
def atlas() -> np.ndarray:
    """Textures of mean 0 and variance 1 with grain GRAIN: (9, ATLAS * ATLAS), float32.

    0 ... 7 run from round grains to a network of threads (for mitochondria), 8 is long fibres.
    """
    rng = generator("atlas")
    frequency = np.hypot(np.fft.fftfreq(ATLAS)[:, None], np.fft.rfftfreq(ATLAS)[None]) * GRAIN
    band = np.exp(-(((frequency - 0.7) / 0.3) ** 2))

    def noise() -> np.ndarray:
        field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((ATLAS, ATLAS))) * band)
        return field / field.std()

    grains, threads, fibres = noise(), noise(), noise()
    ridge = np.exp(-((threads / 0.45) ** 2))
    bundle = np.exp(-((fibres / 0.25) ** 2))
    standard = [(f - f.mean()) / f.std() for f in (grains, ridge, bundle)]
    mixed = [(1 - t) * standard[0] + t * standard[1] for t in np.linspace(0, 1, 8)]
    stack = np.stack([m / m.std() for m in mixed] + [standard[2]])
    return np.clip(stack, -2.5, 3.5).astype(np.float32).reshape(9, -1)


@cache
def noise_bank() -> np.ndarray:
    """Standard normal numbers from which each field takes a stretch: drawing them per field would halve the speed."""
    return generator("noise").standard_normal(1 << 21, dtype=np.float32)


def render_field(
    rng: np.random.Generator,
    parameters: np.ndarray,
    shift: np.ndarray,
    spec: SimulatedSpec,
    optics: Optics,
    camera: Camera,
    stains: str,
) -> np.ndarray:
    """One field of view: (C, height, width), uint16 grey levels up to `camera.full_scale`.

    Parameters
    ----------
    rng : of this field.
    parameters : (P,) untreated cell on the additive scale.
    shift : (P,) effect of the perturbation on it.
    spec : the screen, for its field_height, field_width, cell_diameter and confluence, and how its cells respond.
    optics, camera : what the light goes through.
    stains : "five" (Mito, ERSyto, ERSytoBleed, Ph_golgi, Hoechst) or "six" (Hoechst, ConA, phalloidin, SYTO 14,
        Mito, WGA).
    """
    height, width, diameter = spec.field_height, spec.field_width, spec.cell_diameter
    count = _cell_count(rng, height, width, spec, optics)
    well = to_values(parameters + shift)
    centres = _centres(rng, count, height, width, diameter, well[INDEX["clustering"]])
    responds = _responses(rng, count, spec.phenotype.responders)
    noise = rng.standard_normal((count, len(parameters))) * SPREAD * spec.phenotype.cell_heterogeneity
    cells = to_values(parameters + responds[:, None] * shift + noise).astype(np.float32)
    angles = np.float32(np.pi) * (
        rng.random(dtype=np.float32)
        + (1 - np.float32(well[INDEX["alignment"]])) * (rng.random(count, dtype=np.float32) - 0.5)
    )
    channels = 5 if stains == "five" else 6
    margin = int(np.ceil(diameter * 1.9)) + 2
    canvas = np.zeros((channels, height + 2 * margin, width + 2 * margin), np.float32)
    _draw_cells(rng, canvas, centres + margin, angles, cells, diameter, stains)
    field = canvas[:, margin : margin + height, margin : margin + width]
    return _expose(rng, field, optics, camera)


def _cell_count(rng: np.random.Generator, height: int, width: int, spec: SimulatedSpec, optics: Optics) -> int:
    area = np.pi / 4 * spec.cell_diameter**2
    # Cells reach in from beyond the border, so they are sown on a frame one radius wider.
    frame = (height + spec.cell_diameter) * (width + spec.cell_diameter)
    mean = spec.confluence * optics.density * frame / area
    return max(1, int(np.rint(mean * np.exp(0.08 * rng.standard_normal()))))


def _responses(rng: np.random.Generator, count: int, responders: float) -> np.ndarray:
    """How strongly each cell responds: 0 for those that do not, about 1 / responders for the others (mean 1)."""
    scale = rng.gamma(6.0, 1 / 6.0, count)
    return np.where(rng.random(count) < responders, scale / responders, 0.0)


def _centres(
    rng: np.random.Generator, count: int, height: int, width: int, diameter: float, clustering: float
) -> np.ndarray:
    """Centres of the cells, (count, 2) in px: a jittered lattice, drawn towards a few foci by `clustering`."""
    low = -diameter / 2
    rows = max(1, round(np.sqrt(count * (height + diameter) / (width + diameter))))
    columns = -(-count // rows)
    chosen = rng.permutation(rows * columns)[:count]
    lattice = np.stack([chosen // columns, chosen % columns], axis=1) + 0.5
    lattice[:, 1] += 0.5 * (chosen // columns % 2) - 0.25
    lattice += rng.uniform(-0.33, 0.33, lattice.shape)
    points = low + lattice * [(height + diameter) / rows, (width + diameter) / columns]
    foci = rng.uniform(0, 1, (max(1, count // 12), 2)) * [height, width]
    distance = ((points[:, None] - foci[None]) ** 2).sum(axis=2)
    return points + clustering * (foci[distance.argmin(axis=1)] - points)


def _draw_cells(
    rng: np.random.Generator,
    canvas: np.ndarray,
    centres: np.ndarray,
    angles: np.ndarray,
    cells: np.ndarray,
    diameter: float,
    stains: str,
) -> None:
    """Add every cell to `canvas`, largest patches last; patches are grouped by size so that small cells cost little."""
    radius = 0.5 * diameter * cells[:, INDEX["cell_size"]]
    # The lobes reach r with 1 - r^2 + |irregularity| r^3 = 0, bounded by this up to 0.3; the soft edge is a pixel more.
    lobe = 1 + 0.95 * np.abs(cells[:, INDEX["irregularity"]])
    reach = radius * np.sqrt(cells[:, INDEX["elongation"]]) * lobe + 1
    order = np.argsort(reach, kind="stable")
    offsets = rng.integers(0, ATLAS, (len(cells), 5, 2))
    intensity = np.exp(0.18 * rng.standard_normal((len(cells), canvas.shape[0]))).astype(np.float32)
    golgi_angle = rng.uniform(0, 2 * np.pi, len(cells)).astype(np.float32)
    start = 0
    while start < len(order):
        # The stack's patch side is that of its largest member; the members are sorted by size.
        stop = start + 1
        while stop < len(order) and (stop - start) * (2 * int(reach[order[stop]]) + 3) ** 2 < STACK:
            stop += 1
        members = order[start:stop]
        half = int(reach[members[-1]]) + 1
        stack = _Stack(
            centres[members], angles[members], cells[members], radius[members], offsets[members], intensity[members],
            golgi_angle[members], half,
        )  # fmt: skip
        _draw_stack(canvas, stack, diameter, stains)
        start = stop


@dataclass(frozen=True)
class _Stack:
    """`n` cells that are drawn at once, on patches of side S = 2 half + 1."""

    centres: np.ndarray  # (n, 2) px
    angles: np.ndarray  # (n,) radians
    cells: np.ndarray  # (n, P) parameters
    radius: np.ndarray  # (n,) px
    offsets: np.ndarray  # (n, 5, 2) where each of five textures begins in the atlas
    intensity: np.ndarray  # (n, C) factor of each channel
    golgi_angle: np.ndarray  # (n,) radians
    half: int


def _draw_stack(canvas: np.ndarray, stack: _Stack, diameter: float, stains: str) -> None:
    """Draw one stack of cells: shapes and textures are (n, S, S)."""
    cells, half = stack.cells, stack.half

    def value(name: str) -> np.ndarray:
        return cells[:, INDEX[name]][:, None, None]

    corner = np.rint(stack.centres).astype(int) - half
    steps = np.arange(2 * half + 1, dtype=np.float32)
    y = (steps[None] + (corner[:, 0] - stack.centres[:, 0]).astype(np.float32)[:, None])[:, :, None]
    x = (steps[None] + (corner[:, 1] - stack.centres[:, 1]).astype(np.float32)[:, None])[:, None, :]
    cos, sin = np.cos(stack.angles)[:, None, None], np.sin(stack.angles)[:, None, None]
    radius = stack.radius[:, None, None]
    stretch = np.sqrt(value("elongation"))
    along, across = 1 / (radius * stretch), stretch / radius
    u = (cos * along) * x + (sin * along) * y
    v = (-sin * across) * x + (cos * across) * y
    u2, v2 = u * u, v * v
    r2 = u2 + v2
    # Outline: an ellipse with a three-lobed deviation (r^3 cos 3 phi), soft over about two pixels.
    outline = (1 - r2) - value("irregularity") * (u * (u2 - 3 * v2))
    steep = radius * 0.45
    body = np.clip(outline * steep + 0.5, 0, 1)

    # Nucleus, in cell coordinates; its size is a share of the cell's radius and does not follow the elongation fully.
    size = value("nucleus_size")
    flatten = np.sqrt(value("nucleus_elongation"))
    nu = u * (stretch / (size * flatten)) - value("nucleus_offset") / size
    nv = v * (flatten / (size * stretch))
    n2 = nu * nu + nv * nv
    nucleus = np.clip((1 - n2) * (steep * size) + 0.5, 0, 1)
    nucleus *= body
    cytoplasm = body - 0.75 * nucleus

    # The nucleus lies in the middle of the patch: its textures are drawn on that window only.
    reach = (radius * flatten * (value("nucleus_offset") + size)).max()
    margin = max(0, half - int(np.ceil(reach)) - 2)
    inner = (slice(None), slice(margin, 2 * half + 1 - margin), slice(margin, 2 * half + 1 - margin))
    core = nucleus[inner]

    def texture(slot: int, kind: int, grain: np.ndarray, size_px: float, steps: np.ndarray = steps) -> np.ndarray:
        """A texture of grain `grain * size_px`, sampled with a step of its own per cell."""
        step = (GRAIN / size_px / grain).astype(np.float32)
        rows = (stack.offsets[:, slot, 0, None] + step[:, None] * steps).astype(np.int32) & (ATLAS - 1)
        columns = (stack.offsets[:, slot, 1, None] + step[:, None] * steps).astype(np.int32) & (ATLAS - 1)
        base = np.asarray(kind, np.int32).reshape(-1, 1) * (ATLAS * ATLAS) + rows * ATLAS
        return atlas().ravel().take(base[:, :, None] + columns[:, None, :])

    def column(name: str) -> np.ndarray:
        return cells[:, INDEX[name]]

    def falloff(name: str) -> np.ndarray:
        """From the nucleus outwards: steep for a small spread."""
        return 1 / (1 + n2 * (0.25 / value(name)))

    fine = diameter * 0.13
    dna_texture = texture(0, 0, column("chromatin_grain"), fine, steps[inner[1]])
    er_texture = texture(1, 0, column("er_grain"), fine)
    actin_texture = texture(2, 8, column("actin_grain"), fine * 1.6)
    mito_texture = texture(3, np.rint(column("mito_network") * 7), column("mito_grain"), fine)
    nucleoli_texture = texture(4, 0, column("nucleoli_grain"), fine * 1.2, steps[inner[1]])

    dna = core * (1 + value("chromatin_contrast") * dna_texture)
    er = cytoplasm * falloff("er_spread") * (1 + value("er_contrast") * er_texture)
    nucleoli = core * np.maximum(nucleoli_texture - value("nucleoli_threshold"), 0)
    rna = (body - 0.45 * nucleus) * falloff("rna_spread") * (1 + 0.12 * er_texture)
    rna[inner] += 1.4 * nucleoli
    edge = body * np.maximum(1 - np.maximum(outline, 0) * 2.2, 0)
    actin = cytoplasm * (1 - value("actin_edge")) * (1 + value("actin_contrast") * actin_texture)
    actin += (1.6 * value("actin_edge")) * edge
    # Golgi: a patch beside the nucleus.
    distance, golgi_size = value("golgi_distance"), value("golgi_size")
    gu = u - value("nucleus_offset") / stretch - distance * np.cos(stack.golgi_angle)[:, None, None]
    gv = v - distance * np.sin(stack.golgi_angle)[:, None, None]
    golgi = body * np.maximum(1 - (gu * gu + gv * gv) / (golgi_size * golgi_size), 0)
    mito = cytoplasm * falloff("mito_spread") * (1 + value("mito_contrast") * mito_texture)

    area = np.float32(np.pi / 4 * diameter**2)

    def fixed(stain: np.ndarray) -> np.ndarray:
        """The integrated signal of a cell is one cell area, whatever its shape: phenotypes are not intensities."""
        np.maximum(stain, 0, out=stain)
        stain *= area / np.maximum(stain.sum(axis=(1, 2), keepdims=True), 1e-3)
        return stain

    patches = np.zeros((len(cells), canvas.shape[0], 2 * half + 1, 2 * half + 1), np.float32)
    if stains == "five":
        patches[:, 0], patches[:, 1], patches[:, 2] = fixed(mito), fixed(er), fixed(rna)
        np.add(0.86 * fixed(actin), 0.14 * fixed(golgi), out=patches[:, 3])
        patches[:, 4][inner] = fixed(dna)
    else:
        patches[:, 0][inner] = fixed(dna)
        patches[:, 1], patches[:, 2], patches[:, 3], patches[:, 4] = fixed(er), fixed(actin), fixed(rna), fixed(mito)
        np.add(0.25 * fixed(golgi), 0.75 * fixed(edge + 0.3 * body), out=patches[:, 5])
    patches *= stack.intensity[:, :, None, None]
    side = 2 * half + 1
    for patch, (top, left) in zip(patches, corner):
        y0, x0 = max(0, -top), max(0, -left)
        y1, x1 = min(side, canvas.shape[1] - top), min(side, canvas.shape[2] - left)
        if y1 > y0 and x1 > x0:
            canvas[:, top + y0 : top + y1, left + x0 : left + x1] += patch[:, y0:y1, x0:x1]


def _expose(rng: np.random.Generator, field: np.ndarray, optics: Optics, camera: Camera) -> np.ndarray:
    """Bleed-through, blur, illumination, background, shot noise, gamma and saturation: (C, H, W) to uint16."""
    channels, height, width = field.shape
    mixing = (np.eye(channels) + optics.bleed) * optics.gain[None, :] * camera.signal[:, None]
    signal = (mixing.astype(np.float32) @ field.reshape(channels, -1)).reshape(field.shape)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    light = 1 + optics.tilt[0] * y + optics.tilt[1] * x - optics.vignette * 0.5 * (y * y + x * x)
    light = np.maximum(light, 0.2).astype(np.float32)
    full = camera.full_scale
    levels = np.arange(full + 1) / full
    response = np.rint(full * levels**optics.gamma).astype(np.uint16)
    bank, size = noise_bank(), height * width
    starts = rng.integers(0, len(bank) - size, channels)
    out = np.empty(field.shape, np.uint16)
    for c in range(channels):
        plane = _blur(signal[c], float(optics.blur[c]) ** 2)
        plane = _shift(plane, optics.shift[c])
        plane += np.float32(camera.background[c] * optics.background[c])
        plane *= light
        grain = np.sqrt(plane)
        grain *= bank[starts[c] : starts[c] + size].reshape(height, width)
        grain *= np.float32(camera.noise)
        plane += grain
        np.clip(plane, 0, full, out=plane)
        out[c] = response.take(plane.astype(np.uint16))
    return out


def _blur(plane: np.ndarray, variance: float) -> np.ndarray:
    """Gaussian blur of the given variance (px^2) as repeated three-tap averages, borders mirrored."""
    passes = max(1, int(np.ceil(variance / 0.6)))
    weight = np.float32(variance / passes / 2)
    for _ in range(passes):
        for axis in (0, 1):
            source = plane if axis == 0 else plane.T
            blurred = source * (1 - 2 * weight)
            blurred[1:-1] += weight * (source[2:] + source[:-2])
            blurred[0] += weight * (source[0] + source[1])
            blurred[-1] += weight * (source[-1] + source[-2])
            plane = blurred if axis == 0 else blurred.T
    return np.ascontiguousarray(plane)


def _shift(plane: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Move a plane by whole pixels; what enters repeats the border."""
    dy, dx = (int(s) for s in np.rint(shift))
    if not (dy or dx):
        return plane
    rows = np.clip(np.arange(plane.shape[0]) - dy, 0, plane.shape[0] - 1)
    columns = np.clip(np.arange(plane.shape[1]) - dx, 0, plane.shape[1] - 1)
    return plane[rows][:, columns]
