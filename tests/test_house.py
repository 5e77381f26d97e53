"""The rules of the house, held by the source itself. `python -m tests.house` prints what it finds."""

import re
import subprocess
import sys

from tests import house


def test_no_modules_import_each_other():
    assert house.circles() == []


def test_imports_point_down():
    """A stage uses the ground floor and earlier stages only; the layers are in tests/house.py."""
    assert house.upward() == []


def test_only_the_plan_knows_where_results_lie():
    found = house.matching(house.RESULTS, "cwamsn", "workflow_scripts")
    assert set(found) <= {"cwamsn/plan.py"}
    assert house.matching(house.RESULTS, "rules", ext="smk") == {}


def test_what_a_snakefile_imports_is_light():
    """A dry run loads no torch and no pandas; what its handlers import, at the end of a run, may."""
    files = [house.ROOT / "Snakefile", *(house.ROOT / "rules").glob("*.smk")]
    text = "\n".join(path.read_text() for path in files)
    modules = sorted(set(re.findall(r"(?m)^(?:from|import) (cwamsn[\w.]*)", text)))
    assert modules
    heavy = "[m for m in ('torch', 'pandas', 'numpy', 'scipy', 'matplotlib', 'pyarrow') if m in sys.modules]"
    code = f"import sys, {', '.join(modules)}; print({heavy})"
    result = subprocess.run([sys.executable, "-c", code], cwd=house.ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]", modules


def test_the_library_imports_neither_snakemake_nor_itself_relatively():
    assert not house.matching(r"^\s*(import|from) (snakemake|\.)", "cwamsn")


def test_no_function_imports_a_module_of_ours():
    assert house.local() == []


def test_only_one_file_compares_kinds_of_methods():
    found = house.matching(house.KINDS, "cwamsn", "workflow_scripts")
    assert set(found) <= {"cwamsn/methods.py"}
    assert house.matching(house.KINDS, "rules", ext="smk") == {}


def test_no_function_is_wider_than_seven_parameters():
    """Keyword-only parameters do not count: nobody confuses them."""
    assert [found for found in house.widths() if found[0] > 7] == []


def test_untyped_dictionaries_become_fewer():
    """What is left are the configuration before it has types, and states and sizes of networks."""
    assert sum(house.untyped().values()) <= 31


def test_no_package_hides_its_imports():
    assert not (house.PACKAGE / "lazy.py").exists()


def test_docstrings_hold_no_prose_that_reads_as_a_parameter(caplog):
    """The strict build of the site refuses it, half an hour later."""
    assert house.parse_docstrings() > 2000
    assert [record.getMessage() for record in caplog.records if record.name.startswith("griffe")] == []
