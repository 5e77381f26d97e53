"""Names as the hosts write them."""

import re
import uuid

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwamsn import screen_specs
from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError
from cwamsn.naming import check_name, check_names, plate_name, plate_names, plate_text
from cwamsn.screens.names import (
    compound_id,
    parse_address,
    parse_addresses,
    parse_bray_file,
    parse_rxrx3_key,
)
from cwamsn.vocabulary import BRAY_WAVELENGTHS


def _letters(row: int) -> str:
    return chr(64 + row) if row <= 26 else "A" + chr(64 + row - 26)


@given(st.integers(1, 32), st.integers(1, 48), st.booleans(), st.booleans())
def test_address_round_trip(row, column, lower, padded):
    text = f"{_letters(row)}{column:02d}" if padded else f"{_letters(row)}{column}"
    assert parse_address(text.lower() if lower else text) == (f"{_letters(row)}{column:02d}", row, column)


@given(st.text(max_size=5))
def test_address_or_value_error(text):
    try:
        address, row, column = parse_address(text)
    except ValueError:
        return
    assert re.fullmatch(r"[A-Z]{1,2}\d{2}", address) and row >= 1 and column >= 1


def test_a_bad_address_names_file_and_row():
    with pytest.raises(InputError, match=r"map\.txt: row 1: 'Z' is not a well address"):
        parse_addresses(pd.Series(["A01", "Z"]), "map.txt")


@given(
    st.from_regex(r"[A-Za-z0-9_ ]{0,12}", fullmatch=True),
    st.integers(1, 16),
    st.integers(1, 24),
    st.integers(1, 9),
    st.integers(1, 5),
    st.uuids(),
    st.booleans(),
)
def test_bray_file_round_trip(tag, row, column, site, wavelength, identity, upper):
    name = f"{tag}_{_letters(row).lower()}{column:02d}_s{site}_w{wavelength}{identity}.tif"
    parsed = parse_bray_file(name.upper() if upper else name)
    assert parsed == (f"{_letters(row)}{column:02d}", site, wavelength, str(identity))
    assert wavelength in BRAY_WAVELENGTHS.values()


@pytest.mark.parametrize(
    "name",
    ["", "readme.txt", "x_a01_s1_w2.tif", f"x_q01_s1_w2{uuid.UUID(int=1)}.tif", f"x_a01_s1_w2{uuid.UUID(int=1)}.png"],
)
def test_other_names_are_no_bray_files(name):
    assert parse_bray_file(name) is None


def test_the_example_of_the_host():
    name = "cdp2bioactives_a01_s1_w2edcec6dc-b1e3-4ffc-80da-9b049a89447b.tif"
    assert parse_bray_file(name) == ("A01", 1, 2, "edcec6dc-b1e3-4ffc-80da-9b049a89447b")


@given(st.sampled_from(["compound-001", "gene-176"]), st.integers(1, 48), st.integers(1, 32), st.integers(1, 48))
def test_rxrx3_key_round_trip(experiment, plate, row, column):
    address = f"{_letters(row)}{column:02d}"
    parsed = parse_rxrx3_key(f"{experiment}/Plate{plate}/{address}_s1_6")
    assert parsed == (f"{experiment}_{plate}_{address}", 1, 6)
    assert parse_rxrx3_key(f"{experiment}/{plate}/{address}_s1_6") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [("24,277", "24277"), (24277, "24277"), (24277.0, "24277"), (" 24277 ", "24277"), ("SQ,1", "SQ,1"), ("1.5", "1.5")],
)
def test_plate_ids(value, text):
    assert plate_text(value) == text


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *[("P1", "P1"), ("Exp 7/P1", "Exp_7_P1"), ("Plåt#655090", "Plat_655090"), ("24,277", "24277"), ("..", "..")],
        *[("2.02E+11", "2.02E+11"), ("a\\b: c", "a_b_c"), ("板1", "_1")],
    ],
)
def test_a_barcode_as_it_names_files(value, name):
    assert plate_name(value) == name


def test_two_barcodes_of_one_name_are_refused():
    assert plate_names(["a b", "c", "a b"]) == {"a_b": "a b", "c": "c"}
    with pytest.raises(InputError, match="plates 'a b' and 'a/b' would both be called a_b in file names; rename one"):
        plate_names(["a b", "a/b"])


def test_compound_ids():
    assert compound_id("BRD-K18250272-003-03-7") == "BRD-K18250272"
    assert compound_id("BRD-K18250272") == "BRD-K18250272"
    assert compound_id("DMSO") == "DMSO"


@pytest.mark.parametrize("name", ["P1", "24277", "cwa-msn", "a.b", "_x", "train-00000-of-00035", "crops", "SQ00015198"])
def test_usual_names_pass(name):
    check_name(name, "plate")


@pytest.mark.parametrize(
    "name",
    ["..", ".", ".hidden", "", " ", "a/b", "../x", "a b", "a\\b", "é", "P.skipped", "P.json", "x" * 101, "a\n"],
)
def test_a_name_that_would_be_another_file_is_refused(name):
    with pytest.raises(InputError, match=r"^plate "):
        check_name(name, "plate")


def test_a_barcode_that_a_spreadsheet_has_rounded_is_refused_as_such():
    with pytest.raises(InputError, match="a spreadsheet has rounded it"):
        check_name("2.02E+11", "plate")


def test_names_that_differ_by_case_only_are_refused():
    check_names(["P1", "P2", "P1"], "plate")
    with pytest.raises(InputError, match="plates 'P1' and 'p1' differ by case only"):
        check_names(["P1", "p1"], "plate")


@pytest.mark.parametrize("source", ["bray", "load-data"])
def test_no_source_hands_on_a_plate_named_dotdot(source):
    spec = {"source": source, "plates": ["P1", ".."], "load_data": "l.csv", "platemap": "p.csv"}
    with pytest.raises(InputError, match=r"plate '\.\.' cannot name a file"):
        screen_specs.units("s", spec)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"run": ".."}, "run: the name '..' cannot"),
        ({"run": "."}, "run: the name '.' cannot"),
        ({"screens": {"..": {"source": "bray"}}}, "screens: the name '..' cannot"),
        ({"screens": {"cache": {"source": "bray"}}}, "screens: the name 'cache' is the name of a file"),
        ({"screens": {"study": {"source": "bray"}}}, "screens: the name 'study' is the name of a file"),
        ({"embeddings": {"..": {"kind": "map", "path": "x"}}}, "methods: the name '..' cannot"),
        ({"study": {"points": {"..": {}}}}, "study.points: the name '..' cannot"),
    ],
)
def test_no_name_of_the_configuration_is_a_folder_of_other_results(root, config, error):
    with pytest.raises(InputError, match=re.escape(error)):
        resolve(config, load_schema(root / "config" / "schemas"))
