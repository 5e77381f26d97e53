"""What YAML reads otherwise than it was meant is refused with the line; what is plain is left alone."""

import pytest
import yaml

from cwamsn.config import load_schema, resolve
from cwamsn.config_files import check_text, own_title
from cwamsn.errors import InputError


@pytest.fixture(scope="module")
def schema(root):
    return load_schema(root / "config" / "schemas")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plates: [20210727_1]", "plates[0]: YAML reads 20210727_1 as 202107271; put it in quotes: '20210727_1'"),
        ("plates:\n- 00121", "line 2: plates[0]: YAML reads 00121 as 81; put it in quotes: '00121'"),
        ("plates: [0x10]", "YAML reads 0x10 as 16"),
        ("steps: 1_000", "steps: YAML reads 1_000 as 1000; put it in quotes: '1_000', or write the number: 1000"),
        ("well: 1:30", "well: YAML reads 1:30 as 90"),
        ("well: 1:30.5", "well: YAML reads 1:30.5 as 90.5"),
        ("batch: 2024-01-05", "batch: YAML reads 2024-01-05 as 2024-01-05; put it in quotes: '2024-01-05'"),
        ("definitions: {no: {kind: map}}", "definitions.no: YAML reads the key no as False; put it in quotes: 'no'"),
        ("definitions: {256: {kind: map}}", "definitions.256: YAML reads the key 256 as 256; put it in quotes"),
        ("training: {steps: 4}\ntraining: {epochs: 2}", "line 2: training is given twice (line 1 too); keep one"),
    ],
)
def test_a_trap_is_one_line_with_the_file_the_line_and_the_key(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        check_text(path)
    assert words in str(error.value) and str(error.value).startswith("mine.yaml: line ")
    assert "\n" not in str(error.value)


def test_plain_values_and_quoted_text_pass(tmp_path, root):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "a: [1, -2, 0, 1.5, .5, 1.0e-3, .5e-3, true, null, '00121', \"1_000\", text, 24277]\nb: &x {c: 1}\nd: *x\n"
    )
    check_text(path)
    for path in (root / "config").glob("*.yaml"):
        check_text(path)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"training": {"start_momentum": "1e-3"}}, "training.start_momentum: '1e-3' .* but text to YAML; write 1.0e-3"),
        ({"training": {"start_momentum": "1E3"}}, r"write 1.0e\+3"),
        ({"training": {"start_momentum": "2.5e4"}}, r"write 2.5e\+4"),
        ({"training": {"start_momentum": "0,5"}}, "write 0.5"),
        ({"training": {"start_momentum": float("nan")}}, "training.start_momentum: nan is not a finite number"),
        ({"training": {"steps": "4e2"}}, "training.steps: .* write 400"),
        ({"crops": {"codec": False}}, "crops.codec: "),
        ({"title": False}, "title: False is not of type 'string'; YAML reads yes, no, on and off as true and false"),
        ({"methods": [True]}, r"methods\[0\]: True is not of type 'string'; YAML reads yes"),
        ({"definitions": {256: {"kind": "map"}}}, "definitions: the key 256 is no text; put it in quotes"),
    ],
)
def test_what_yaml_made_of_a_value_is_told_with_what_to_write(schema, section, words):
    with pytest.raises(InputError, match=words):
        resolve(section, schema)


@pytest.mark.parametrize("text", ["1e-3", "1E3", "2.5e4", "0,5", "1_000e2", ".5e3", "5.e3"])
def test_the_advice_is_read_as_the_number_that_was_meant(schema, text):
    with pytest.raises(InputError) as error:
        resolve({"training": {"sharpening": text}}, schema)
    advice = str(error.value).split("write ")[1]
    assert yaml.safe_load(advice) == float(text.replace(",", "."))


def test_a_whole_number_with_a_point_is_an_integer_where_one_is_asked(schema):
    found = resolve({"training": {"steps": 400.0}}, schema)["training"]["steps"]
    assert found == 400 and isinstance(found, int)


@pytest.mark.parametrize(
    ("own", "title"),
    [
        ({}, "Simulated screens (demo)"),
        ({"run": "mine", "evaluate": {"plates": ["signal"]}}, "mine"),
        ({"run": "mine", "training_screen": None, "evaluate": {}}, "mine"),
        ({"run": "mine", "title": "My plates"}, "My plates"),
    ],
)
def test_a_run_has_a_title_of_its_own(own, title, root, schema):
    base = yaml.safe_load((root / "config/config.yaml").read_text())
    base["screens"]["plates"] = {"source": "load-data", "load_data": "l.csv", "platemap": "p.csv"}
    models = yaml.safe_load((root / "config/methods.yaml").read_text())
    assert own_title(resolve({**base, **models, **own}, schema)) == title
