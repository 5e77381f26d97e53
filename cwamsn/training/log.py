"""The training log: means over a window of steps, in a CSV file and as TensorBoard events."""

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch

from cwamsn.files import atomic_path
from cwamsn.paths import ModelPaths
from cwamsn.training.numbers import Step, read

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class LogState(TypedDict):
    """A log's rows, and the sums and counts of the window that is open."""

    rows: list[dict[str, float]]
    sums: dict[str, float]
    counts: dict[str, int]


class TrainingLog:
    """Collects numbers per step, writes one row per window: the mean of each number over the steps that gave it.

    `state` goes into the checkpoint: a resumed log has no gap. Steps whose numbers are still on the device are read
    at the end of a window, or whenever the log is asked for its state.

    precision : of the training, for the message of a step that is not finite.
    """

    def __init__(self, folder: Path, writes: bool = True, precision: str = "float32"):
        self.path, self.writes, self.precision = ModelPaths(folder).log, writes, precision
        self.last: dict[str, float] = {}  # of the last step that was read
        self._unread: list[Step] = []
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.events: SummaryWriter | None = None
        self._started, self._images, self._waited = time.perf_counter(), 0, 0.0

    @property
    def state(self) -> LogState:
        """Everything that the next row depends on. Raises what :meth:`settle` raises."""
        self.settle()
        return {"rows": self.rows, "sums": self.sums, "counts": self.counts}

    def resume(self, state: LogState) -> None:
        """Go on from what :attr:`state` was."""
        self.rows, self.sums, self.counts = state["rows"], state["sums"], state["counts"]

    def add(self, numbers: Mapping[str, float], images: int) -> None:
        """Add the numbers of one step that saw so many images."""
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self._images += images

    def add_unread(self, step: Step) -> None:
        """Add a step; its numbers stay where they are."""
        self._unread.append(step)

    def settle(self) -> None:
        """Read the numbers that are still on the device.

        Raises
        ------
        TrainingStopped
            The loss or the gradient of a step is not finite.
        """
        steps, self._unread = self._unread, []
        for step, numbers in zip(steps, read(steps, self.precision), strict=True):
            self.add(numbers, step.images)
            self.last = numbers

    def close_window(self, step: int, epoch: int, numbers: Mapping[str, float], waited: float) -> dict[str, float]:
        """Write and return the row of the window that ends with `step` (counted from 1).

        waited : seconds so far in which the device waited for batches; the row has this window's share of its time.
        """
        self.settle()
        seconds = max(time.perf_counter() - self._started, 1e-9)
        means = {name: value / self.counts[name] for name, value in self.sums.items()}
        row = {"step": step, "epoch": epoch, **means, **{name: float(value) for name, value in numbers.items()}}
        row["seconds"] = seconds
        row["images_per_second"] = self._images / seconds
        row["waiting"] = (waited - self._waited) / seconds
        row["gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
        self.rows.append(row)
        self.sums, self.counts = {}, {}
        self._started, self._images, self._waited = time.perf_counter(), 0, waited
        if self.writes:
            from torch.utils.tensorboard import SummaryWriter  # absent where weights are only read

            # events of steps that a killed run had taken after its last checkpoint are hidden by purge_step
            self.events = self.events or SummaryWriter(str(self.path.parent / "events"), purge_step=step)
            for name, value in row.items():
                if name != "step":
                    self.events.add_scalar(name, value, step)
            self.write()
        return row

    def write(self) -> None:
        """Write all rows to `log.csv`."""
        # a number that only later windows have, or only some, has a column too
        columns = list(dict.fromkeys(name for row in self.rows for name in row)) or ["step", "epoch", "loss"]
        with atomic_path(self.path) as temporary, temporary.open("w", newline="") as handle:
            table = csv.DictWriter(handle, columns)
            table.writeheader()
            table.writerows(self.rows)

    def close(self) -> None:
        """Write the file, also if it has no rows, and end the events."""
        if self.writes:
            self.write()
        if self.events:
            self.events.close()
