"""Configuration: defaults, refusals, and the documentation made from the same schemas."""

import copy

import pytest
import yaml

from cwamsn.config import load_schema, resolve
from cwamsn.config_docs import render
from cwamsn.errors import InputError
from cwamsn.reporting import published


@pytest.fixture(scope="module")
def schema(root):
    return load_schema(root / "config" / "schemas")


@pytest.fixture
def default(root):
    config = yaml.safe_load((root / "config" / "config.yaml").read_text())
    return config | yaml.safe_load((root / "config" / "models.yaml").read_text())


def test_resolving_is_idempotent_and_leaves_its_input_alone(default, schema):
    before = copy.deepcopy(default)
    once = resolve(default, schema)
    assert default == before
    assert resolve(once, schema) == once
    assert once["paths"] == {"data": "data", "results": "results"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"benchmark": ["gene_gene"]}, "benchmark: unknown configuration key; nearest: benchmarks"),
        ({"rows": ["cwa-mns"]}, "no row is called 'cwa-mns'; nearest: cwa-msn"),
        ({"training_screen": "bray-simulated"}, "no screen is called 'bray-simulated'; nearest: bray-sim"),
        ({"paths": {"dataa": "x"}}, "paths.dataa: unknown configuration key; nearest: data"),
        ({"benchmarks": ["gene"]}, "'gene' is not one of"),
        ({"screens": {"mine": {"source": "brai"}}}, "screens.mine.source: 'brai' is not known; nearest: bray"),
        ({"screens": {"mine": {}}}, "screens.mine.source: is missing"),
        ({"models": {"m": {"kind": "trainde"}}}, "models.m.kind: 'trainde' is not known; nearest: trained"),
    ],
)
def test_faults_are_named_with_the_nearest_key(default, schema, change, words):
    with pytest.raises(InputError) as error:
        resolve(default | change, schema)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


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


def test_shipped_configurations_resolve(root, default, schema):
    for path in sorted((root / "config").glob("*.yaml")):
        if path.name in ("config.yaml", "models.yaml"):
            continue
        user = yaml.safe_load(path.read_text())
        resolve(merged(default, user), schema)


def test_the_papers_rows_fill_every_table(root, default):
    """Each printed row has a row of the run, or is one of the two that can only be quoted."""
    overlay = yaml.safe_load((root / "config" / "paper_rows.yaml").read_text())
    entries = {row: default["models"][row] for row in overlay["rows"]}
    for number in range(1, 9):
        here = {e.get("paper_row") for e in entries.values() if number in e["tables"]}
        missing = set(published.rows(number)) - here - {"256", "512", "2048", "1024"}
        assert not missing, (number, missing)
    assert not {row for row, e in entries.items() if e["kind"] == "latent"}


def merged(base, over):
    """`over` on top of `base`, key by key, as Snakemake merges configuration files."""
    both = base.keys() & over.keys()
    nested = {k: merged(base[k], over[k]) for k in both if isinstance(base[k], dict) and isinstance(over[k], dict)}
    return {**base, **over, **nested}


def test_nothing_of_the_demo_is_left_in_the_papers_run(root, default, schema):
    """A configuration file overrides the default one key by key: what the demo changes, the paper's must set back."""
    paper = yaml.safe_load((root / "config" / "paper.yaml").read_text())
    plain = resolve({**yaml.safe_load((root / "config" / "models.yaml").read_text())}, schema)
    merged = merge(default, paper)
    found = resolve(merged, schema)
    assert found["embedding"] == plain["embedding"]
    own = {"encoder_options", "steps", "gpus", "memory_mb", "runtime_minutes"}
    training = {key: value for key, value in found["training"].items() if key not in own}
    assert training == {key: plain["training"][key] for key in training}
    assert found["training"]["encoder_options"]["patch_size"] == 16 and found["training"]["steps"] == 11500
    for row in paper["rows"]:
        recipe, wanted = (c["models"][row].get("recipe") or {} for c in (found, plain))
        recipe = {key: value for key, value in recipe.items() if value != found["training"].get(key)}
        assert recipe == wanted, row


def merge(base, over):
    """As Snakemake merges configuration files: dictionaries key by key, all else replaced."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merge(out[key], value) if both else value
    return out


def test_an_encoder_in_a_file_of_ones_own_takes_the_demo_s_options_away(root, tmp_path):
    """The Snakefile as it is read, with a configuration file and with a value on the command line."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, ResourceSettings

    mine = tmp_path / "mine.yaml"
    mine.write_text("training: {encoder: resnet18, mask_ratio: 0}\n")

    def training(**settings):
        with SnakemakeApi() as api:
            chosen = api.workflow(
                ResourceSettings(), config_settings=ConfigSettings(**settings), snakefile=root / "Snakefile"
            )
            workflow = chosen._workflow
            return workflow.globals["config"]["training"], workflow.globals["RECIPES"]["cwa-msn"]

    for found in training(configfiles=[mine]):
        assert found["encoder"] == "resnet18" and found["encoder_options"] == {}
    changed = {"training": {"encoder_options": {"depth": 6}}}
    for found in training(config=changed):
        assert found["encoder_options"] == {"embed_dim": 96, "depth": 6, "num_heads": 3, "patch_size": 8}
