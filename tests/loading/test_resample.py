"""Views of all ways against torchvision; what the ways that a GPU takes ask of it."""

import importlib
import os
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms.v2 import functional as tv

from cwamsn.errors import InputError
from cwamsn.loading import ViewCutter, dense, ways

# The kernel runs on the CPU in Triton's interpreter, which is chosen when Triton is imported: a process of its own.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
needs_interpreter = pytest.mark.skipif(not INTERPRETED, reason="runs in a process with TRITON_INTERPRET=1")
CPU = torch.device("cpu")


@pytest.fixture(params=["sparse", "dense", pytest.param("kernel", marks=needs_interpreter)])
def way(request):
    return request.param


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator())


def by_torchvision(images, boxes, turns, size, antialias):
    """View by view, in float64."""
    views = []
    for i, box in enumerate(boxes.tolist()):
        view = tv.resized_crop(images[i % len(images)].double(), *box, [size, size], antialias=antialias)
        left_right, up_down, quarters = turns[i].tolist() if turns is not None else (0, 0, 0)
        view = view.flip(-1) if left_right else view
        view = view.flip(-2) if up_down else view
        views.append(view.rot90(quarters, (-2, -1)))
    return torch.stack(views)


def pixels(way, images, boxes, turns, size, antialias=True):
    channels = images.shape[1]
    cutter = ViewCutter([0.0] * channels, [1.0] * channels, CPU, antialias=antialias, way=way)
    return cutter.cut(cutter.prepare(images, "anchor"), boxes, turns, size)


def edge_boxes(height, width):
    """The whole image, single pixels in two corners, slices at the borders, and boxes within."""
    return torch.tensor(
        [
            [0, 0, height, width],
            [height - 1, width - 1, 1, 1],
            [0, 0, 1, width],
            [0, width - 3, height, 3],
            [0, 0, 1, 1],
            [height // 3, width // 4, height // 2, width // 2],
            [2, 1, min(height - 2, 17), min(width - 1, 13)],
            [height - 9, width - 20, 9, 20],
        ]
    )


ALL_TURNS = torch.tensor([[i & 1, i >> 1 & 1, i >> 2] for i in range(16)])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 1, 37, 53), 16), ((2, 3, 30, 24), 17), ((4, 2, 23, 31), 40), ((1, 5, 26, 21), 8), ((2, 8, 12, 20), 5)],
)
def test_views_are_torchvision_s(way, shape, size, antialias, turned):
    images = random_images(*shape)
    boxes, turns = edge_boxes(*shape[2:]), None
    if turned:  # all sixteen turns, those of the second half with the boxes in another order
        boxes, turns = torch.cat([boxes, boxes.flip(0)]), ALL_TURNS
    if way == "kernel":  # an interpreter takes milliseconds per tap: half of the cases, and a third of their views
        if turned != antialias:
            pytest.skip("the other ways show that one does not depend on the other")
        third = slice(size % 3, None, 3)
        boxes, turns = boxes[third], None if turns is None else turns[third]
    got = pixels(way, images, boxes, turns, size, antialias)
    want = by_torchvision(images, boxes, turns, size, antialias)
    assert got.dtype == torch.float32 and got.shape == want.shape
    torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-4)  # of 255 levels


def test_views_as_large_as_their_boxes_are_the_pixels(way):
    """Whole images, tiles, centres and random crops of an embedding: a box per view, and no turns."""
    images = random_images(2, 3, 24, 30)
    corners = [(0, 0), (8, 14)]
    boxes = torch.tensor([[y, x, 16, 16] for y, x in corners for _ in images])
    want = torch.cat([images[..., y : y + 16, x : x + 16] for y, x in corners]).float()
    assert torch.equal(pixels(way, images, boxes, None, 16), want)
    mean, std = torch.tensor([50.0, 60.0, 70.0]), torch.tensor([5.0, 6.0, 7.0])
    cutter = ViewCutter(mean.tolist(), std.tolist(), CPU, antialias=True, way=way)
    out = torch.empty(4, 3, 16, 16)
    views = cutter.cut(cutter.prepare(images, "anchor"), boxes, None, 16, out)
    assert views is out
    torch.testing.assert_close(out, (want - mean.view(3, 1, 1)) / std.view(3, 1, 1), rtol=1e-5, atol=1e-5)


def test_boxes_of_32_bits_are_boxes(way):
    images = random_images(2, 1, 24, 30)
    boxes, turns = edge_boxes(24, 30)[4:], ALL_TURNS[4:8]
    want = pixels(way, images, boxes, turns, 9)
    assert torch.equal(pixels(way, images, boxes.int(), turns.int(), 9), want)


def test_the_kernel_passes_these_tests_in_an_interpreter():
    if INTERPRETED:
        pytest.skip("this is that process")
    pytest.importorskip("triton")
    command = [sys.executable, "-m", "pytest", "-x", __file__, "-k", "kernel"]
    result = subprocess.run(command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert result.returncode == 0 and " passed" in result.stdout, result.stdout[-3000:] + result.stderr[-3000:]


@needs_interpreter
def test_a_kernel_that_gives_the_dense_views_is_taken(monkeypatch):
    assert ways.kernel_fault(CPU) == ""
    monkeypatch.setattr(ways, "kernel_fault", lambda device: "")
    assert ways.choose_way("auto", torch.device("cuda")) == "kernel"


@pytest.mark.skipif(INTERPRETED, reason="interpreted")
@pytest.mark.parametrize("capability", [75, 80, 90])
@pytest.mark.parametrize("turned", [True, False])
def test_the_kernel_compiles_for_gpus_of_each_age(capability, turned, tmp_path, monkeypatch):
    """Only what launches it needs a GPU; the arguments are what a launch makes of a batch of 64 pairs."""
    triton = pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel = importlib.import_module("cwamsn.loading.kernel")
    constants = {"SIZE": 96, "DOWN": 6, "ACROSS": 3, "ANTIALIAS": True, "TURNED": turned}
    constants |= {"BLOCK_Y": kernel.ROWS, "BLOCK_X": kernel.COLUMNS}
    pointers = {"images": "*u8", "boxes": "*i64", "turns": "*i64", "affine": "*fp32", "out": "*fp32"}
    numbers = dict.fromkeys(("batch", "channels", "height", "width"), "i32")
    signature = pointers | numbers | dict.fromkeys(constants, "constexpr")
    multiples = {(kernel._views.arg_names.index(name),): [["tt.divisibility", 16]] for name in [*pointers, "batch"]}
    source = triton.compiler.ASTSource(kernel._views, signature=signature, constexprs=constants, attrs=multiples)
    target = triton.backends.compiler.GPUTarget("cuda", capability, 32)
    compiled = triton.compile(source, target=target, options={"num_warps": 4, "num_stages": 1})
    assert compiled.asm["cubin"] and ".local" not in compiled.asm["ptx"]
    # threads do not exchange anything, which would wait for each other at every tap; but once, where a view that is not
    # turned is written in whole lines
    assert compiled.asm["ptx"].count("bar.sync") == (0 if turned else 1)
    assert compiled.asm["ttgir"].rpartition("scf.for")[2].count("ttg.convert_layout") == (0 if turned else 1)


class Launches(TorchDispatchMode):
    """Counts operations that compute or copy; the others make views or memory."""

    QUIET = ("view", "empty", "slice", "select", "unsqueeze", "permute", "transpose", "expand", "as_strided", "unbind")

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.__name__.split(".")[0]
        if name not in (*self.QUIET, "_unsafe_view", "detach", "t", "alias", "split"):
            self.names.append(name)
        return function(*arguments, **(keywords or {}))


def test_dense_views_take_twenty_launches_and_no_answer_of_the_device():
    images = random_images(4, 5, 60, 70)
    boxes, turns = edge_boxes(60, 70).repeat(5, 1), ALL_TURNS[:8].repeat(5, 1)
    cutter = ViewCutter([50.0] * 5, [40.0] * 5, CPU, antialias=True, way="dense")
    prepared = cutter.prepare(images, "anchor")
    cutter.cut(prepared, boxes, turns, 24)  # tables of a size are made once
    with Launches() as launches:
        cutter.cut(cutter.prepare(images, "anchor"), boxes, turns, 24)
    assert len(launches.names) <= 20, launches.names
    assert not {"_local_scalar_dense", "nonzero", "_to_copy", "item", "is_nonzero"} & set(launches.names)


@pytest.mark.parametrize("memory", [1, 60_000, 150_000])
def test_dense_views_are_the_same_in_little_memory(memory, monkeypatch):
    images = random_images(4, 2, 40, 24)
    boxes, turns = edge_boxes(40, 24), ALL_TURNS[8:]
    want = pixels("dense", images, boxes, turns, 16)
    monkeypatch.setattr(dense, "MEMORY", memory)
    torch.testing.assert_close(pixels("dense", images, boxes, turns, 16), want, rtol=0, atol=1e-4)


def test_dense_views_are_exact_where_products_are_not(monkeypatch):
    images, boxes = random_images(2, 3, 48, 40), edge_boxes(48, 40)
    want = by_torchvision(images, boxes, None, 24, True)
    torch.set_float32_matmul_precision("medium")
    try:
        settings = torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision
        with torch.autocast("cpu", torch.bfloat16):
            got = pixels("dense", images, boxes, None, 24)
        after = torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision
        assert settings == after == ("tf32", "bf16")
        with dense.exact_products(torch.device("cuda")):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            # cuBLAS's products on a GPU ask this, and raise where the two ways to set it disagree
            assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
    finally:
        torch.set_float32_matmul_precision("highest")
    torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-4)


def test_a_gpu_without_a_working_kernel_takes_dense_products_and_says_so(monkeypatch, capsys):
    monkeypatch.delenv(ways.VARIABLE, raising=False)
    monkeypatch.setattr(ways, "kernel_fault", lambda device: "ModuleNotFoundError: No module named 'triton'")
    assert ways.choose_way("auto", torch.device("cuda")) == "dense"
    assert "No module named 'triton'" in capsys.readouterr().out
    assert ways.choose_way("auto", CPU) == "sparse"
    with pytest.raises(InputError, match=r"way kernel: the kernel does not work here .*; take dense"):
        ways.choose_way("kernel", torch.device("cuda"))


def test_a_kernel_with_other_pixels_is_at_fault(monkeypatch):
    def of_ones(images, boxes, turns, affine, antialias, out):
        dense.cut(images, boxes, turns, affine, antialias, out)
        out += 1

    monkeypatch.setattr(ways, "kernel_cut", lambda: of_ones)
    assert ways.kernel_fault.__wrapped__(CPU) == "its pixels differ by 1 of 255"


def test_the_environment_names_the_way(monkeypatch):
    monkeypatch.setenv(ways.VARIABLE, "dense")
    assert ViewCutter([1.0], [1.0], CPU, antialias=True).way == "dense"
    monkeypatch.setenv(ways.VARIABLE, "fast")
    with pytest.raises(
        InputError, match="CWAMSN_VIEWS=fast: no such way to cut views; there are sparse, dense, kernel"
    ):
        ViewCutter([1.0], [1.0], CPU, antialias=True)
    monkeypatch.setenv(ways.VARIABLE, "sparse")
    with pytest.raises(InputError, match="CWAMSN_VIEWS=sparse: only on the CPU"):
        ways.choose_way("auto", torch.device("cuda"))
