"""What a network is trained for: one module per objective, each of which registers itself when it is imported.

See :mod:`cwamsn.training.objectives.registry` for what an objective is.
"""

import importlib
from pathlib import Path

from cwamsn.training.objectives.registry import OBJECTIVES, Molecules, Objective, objective, objective_of, options_of

__all__ = ["OBJECTIVES", "Molecules", "Objective", "objective", "objective_of", "options_of"]

# every file of this folder, so that a new objective is one new file and no other change
for _path in sorted(Path(__file__).parent.glob("[!_]*.py")):
    importlib.import_module(f"{__name__}.{_path.stem}")
