"""Configuration: defaults, refusals, and the documentation made from the same schemas."""

import copy
import os
from pathlib import Path

import pytest
import yaml

from cwamsn.config import load_schema, resolve
from cwamsn.config_docs import first_comment, render
from cwamsn.config_files import configuration
from cwamsn.errors import InputError
from cwamsn.reporting import published


@pytest.fixture(scope="module")
def schema(root):
    return load_schema(root / "config" / "schemas")


@pytest.fixture
def default(root):
    config = yaml.safe_load((root / "config" / "config.yaml").read_text())
    return config | yaml.safe_load((root / "config" / "methods.yaml").read_text())


def test_resolving_is_idempotent_and_leaves_its_input_alone(default, schema):
    before = copy.deepcopy(default)
    once = resolve(default, schema)
    assert default == before
    assert resolve(once, schema) == once
    assert once["paths"] == {"data": "data", "results": "results"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evaluat": {}}, "evaluat: unknown configuration key; nearest: evaluate"),
        ({"methods": ["cwa-mns"]}, "methods: no method is called 'cwa-mns'; nearest: cwa-msn"),
        ({"training_screen": "bray-simulated"}, "no screen is called 'bray-simulated'; nearest: bray-sim"),
        ({"paths": {"dataa": "x"}}, "paths.dataa: unknown configuration key; nearest: data"),
        ({"evaluate": {"rxrx3-sim": ["gene"]}}, "evaluate.rxrx3-sim[0]: 'gene' is not one of"),
        ({"evaluate": {"rxrx3": ["signal"]}}, "evaluate: no screen is called 'rxrx3'; nearest: rxrx3-sim"),
        ({"evaluate": ["signal"]}, "evaluate: 'signal' is not one of ['gene_gene']"),
        ({"evaluate": {"no-screen": ["gene_gene"]}}, "evaluate: no screen is called 'no-screen'; known: bray-sim"),
        (
            {"evaluate": {"rxrx3-sim": ["signal", "signal"]}},
            "evaluate.rxrx3-sim: 'signal' is listed twice",
        ),
        ({"methods": ["random", "cwa-msn", "random"]}, "methods: 'random' is listed twice; list it once"),
        ({"comparisons": [["cwa-msn", "random"]] * 2}, "comparisons: ['cwa-msn', 'random'] is listed twice"),
        ({"alignment": {"also": ["none", "none"]}}, "alignment.also: 'none' is listed twice"),
        ({"seeds": [0, 0]}, "seeds: 0 is listed twice"),
        ({"seeds": []}, "seeds: [] should be non-empty"),
        ({"screens": {"mine": {"source": "brai"}}}, "screens.mine.source: 'brai' is not known; nearest: bray"),
        ({"screens": {"mine": {}}}, "screens.mine.source: is missing"),
        (
            {"screens": {"incomplete": {"source": "simulated-bray"}}, "training_screen": None, "evaluate": {}},
            "screens: the name 'incomplete' is the name of a file of the workflow",
        ),
        ({"definitions": {"m": {"kind": "trainde"}}}, "definitions.m.kind: 'trainde' is not known; nearest: trained"),
    ],
)
def test_faults_are_named_with_the_nearest_key(default, schema, change, words):
    with pytest.raises(InputError) as error:
        resolve(default | change, schema)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": ["cwa-msn"]}, "rows: has a new name; write methods: [names]"),
        ({"models": {"mine": {"kind": "trained"}}}, "models: has a new name; write definitions:"),
        ({"benchmarks": ["signal"]}, "benchmarks: has a new name; write evaluate: {screen: [benchmarks]}"),
        ({"evaluation_screen": "rxrx3-sim"}, "evaluation_screen: has a new name; write evaluate: {screen: "),
        ({"reporting": {"quoted_rows": True}}, "quoted_rows: has a new name; write reporting.published_methods"),
        ({"definitions": {"x": {"kind": "quoted"}}}, "x.kind: quoted has a new name; write kind: published"),
    ],
)
def test_keys_of_before_are_refused_with_the_new_ones(default, schema, change, words):
    with pytest.raises(InputError) as error:
        resolve(default | change, schema)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_all_keys_of_before_are_named_at_once(default, schema):
    """A file of an earlier version is changed in one go."""
    with pytest.raises(InputError) as error:
        resolve(default | {"rows": ["cwa-msn"], "benchmarks": ["signal"], "models": {}}, schema)
    for words in ("rows: has a new name; write methods:", "benchmarks: has a new name", "models: has a new name"):
        assert words in str(error.value)


def test_a_boolean_may_come_as_text(default, schema):
    """`--config accept_noncommercial_licence=true` arrives as the text `true`."""
    assert resolve(default | {"accept_noncommercial_licence": "true"}, schema)["accept_noncommercial_licence"] is True


def test_lists_keep_their_length(default, schema):
    with pytest.raises(InputError, match=r"comparisons\[0\]"):
        resolve(default | {"comparisons": [["cwa-msn"]]}, schema)


def test_every_key_says_what_it_means(root):
    def walk(name, properties):
        for key, part in properties.items():
            assert "$ref" in part or part.get("description"), f"{name}: {key} has no description"
            walk(f"{name}.{key}", part.get("properties", {}))

    for path in sorted((root / "config" / "schemas").glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        walk(path.stem, content.get("properties", {}))
        for name, part in content.get("$defs", {}).items():
            walk(f"{path.stem}.{name}", part.get("properties", {}))


def test_readme_is_up_to_date(root):
    assert (root / "config" / "README.md").read_text() == render(root / "config" / "schemas"), "run: make docs"


def test_the_first_line_of_a_configuration_which_the_readme_lists_is_whole(root):
    cut = [p.name for p in (root / "config").glob("*.yaml") if not first_comment(p).endswith(".")]
    assert not cut, "end the first line with a sentence"


def test_shipped_configurations_resolve(root):
    for path in sorted((root / "config").glob("*.yaml")):
        if path.name in ("config.yaml", "methods.yaml"):
            continue
        configuration(root, [path], {}, load)


def test_the_papers_rows_fill_every_table(root, default):
    """Each printed row has a row of the run, or is one of the two that can only be quoted."""
    overlay = yaml.safe_load((root / "config" / "paper_methods.yaml").read_text())
    entries = {row: default["definitions"][row] for row in overlay["methods"]}
    for number in range(1, 9):
        here = {e.get("paper_row") for e in entries.values() if number in e["tables"]}
        missing = set(published.rows(number)) - here - {"256", "512", "2048", "1024"}
        assert not missing, (number, missing)
    assert not {row for row, e in entries.items() if e["kind"] == "latent"}


def test_the_defaults_are_the_papers_method_and_its_run_sets_nothing_back(root, schema):
    """What a file leaves out has the schema's default: the paper's run names screens, seeds and resources only."""
    paper = yaml.safe_load((root / "config" / "paper.yaml").read_text())
    assert set(paper["training"]) == {"steps", "gpus", "runtime_minutes"} and "embedding" not in paper
    found = resolve(paper | yaml.safe_load((root / "config" / "methods.yaml").read_text()), schema)
    training, embedding = found["training"], found["embedding"]
    assert (training["encoder"], training["encoder_options"]) == ("vit_small_patch16_224", {})
    assert (training["rand_size"], training["focal_size"], training["focal_views"]) == (224, 96, 10)
    assert (training["prototypes"], training["output_dim"], training["mask_ratio"]) == (1024, 256, 0.15)
    assert embedding["view"] == "resize"


def test_a_file_of_ones_own_inherits_nothing_of_the_default_run_unless_it_extends_it(root, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("run: mine\n")
    alone = configuration(root, [mine], {}, load)
    assert alone["screens"] == {} and alone["comparisons"] == [] and alone["training"]["prototypes"] == 1024
    mine.write_text(f"extends: {os.path.relpath(root / 'config' / 'config.yaml', tmp_path)}\ntraining: {{steps: 3}}\n")
    changed = configuration(root, [mine], {"seeds": [4]}, load)
    assert changed["run"] == "demo" and changed["training"]["prototypes"] == 128
    assert changed["training"]["steps"] == 3 and changed["seeds"] == [4]
    assert configuration(root, [], {}, load)["training"]["steps"] == 1000
    other = tmp_path / "other.yaml"  # extends the same file, which does not undo the first one's keys
    other.write_text(f"extends: {root / 'config' / 'config.yaml'}\nseeds: [5]\n")
    both = configuration(root, [mine, other], {}, load)
    assert both["training"]["steps"] == 3 and both["seeds"] == [5]


def test_a_file_without_a_run_says_what_is_missing(root, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("training: {steps: 3}\n")
    with pytest.raises(InputError, match=r"^run: is missing; .* adding `extends: "):
        configuration(root, [mine], {}, load)


@pytest.mark.parametrize(
    ("base", "words"),
    [("other.yaml", "mine.yaml: extends: no file"), ("mine.yaml", "mine.yaml: extends: mine.yaml extends mine.yaml")],
)
def test_a_file_that_extends_nothing_or_itself_is_refused(root, tmp_path, base, words):
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"run: x\nextends: {base}\n")
    with pytest.raises(InputError) as error:
        configuration(root, [mine], {}, load)
    assert str(error.value).startswith(words)


def test_a_base_that_is_no_name_or_cannot_be_read_is_told_with_the_file(root, tmp_path):
    mine, base = tmp_path / "mine.yaml", tmp_path / "base.yaml"
    mine.write_text("run: x\nextends: [base.yaml]\n")
    with pytest.raises(InputError, match=r"^mine.yaml: extends: \['base.yaml'\] is not the name of a file; name one$"):
        configuration(root, [mine], {}, load)
    mine.write_text("run: x\nextends: base.yaml\n")
    base.write_text("seeds: [0\n")
    with pytest.raises(InputError, match=r"^base.yaml: "):
        configuration(root, [mine], {}, load)


def load(path):
    return yaml.safe_load(Path(path).read_text())


def test_an_encoder_in_a_file_of_ones_own_takes_the_demo_s_options_away(root, tmp_path):
    """The Snakefile as it is read, with a configuration file and with a value on the command line."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, ResourceSettings

    mine = tmp_path / "mine.yaml"
    mine.write_text(f"extends: {root}/config/config.yaml\ntraining: {{encoder: resnet18, mask_ratio: 0}}\n")

    def training(**settings):
        with SnakemakeApi() as api:
            chosen = api.workflow(
                ResourceSettings(), config_settings=ConfigSettings(**settings), snakefile=root / "Snakefile"
            )
            workflow = chosen._workflow
            return workflow.globals["config"]["training"], workflow.globals["needs"].recipe("cwa-msn")

    for found in training(configfiles=[mine]):
        assert found["encoder"] == "resnet18" and found["encoder_options"] == {}
    changed = {"training": {"encoder_options": {"features": 6}}}
    for found in training(config=changed):
        assert found["encoder_options"] == {"widths": [64, 32], "features": 6}
