"""The folder of an encoder, whichever run or export wrote it."""

import pytest

from cwamsn.encoder_files import check_weights, config_digest, encoder_files, read_description, trained_on
from cwamsn.errors import InputError
from cwamsn.files import sha256, write_json

DESCRIPTION = {"recipe": {}, "channels": ["a"]}


def write(folder, weights="encoder.safetensors", description="encoder.json", **content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / weights).write_bytes(b"weights")
    write_json(content, folder / description)
    return folder


@pytest.fixture
def digest(tmp_path):
    return sha256(write(tmp_path / "any") / "encoder.safetensors")


def test_both_layouts_are_one_encoder(tmp_path, digest):
    trained = encoder_files(write(tmp_path / "t", **DESCRIPTION, weights_sha256=digest))
    names = {"weights": "model.safetensors", "description": "config.json"}
    content = {"training": DESCRIPTION, "weights_sha256": digest}
    exported = encoder_files(write(tmp_path / "e", **names, **content, config_sha256=config_digest(content)))
    assert not trained.exported and exported.exported
    assert read_description(trained.description) == read_description(exported.description)
    assert check_weights(trained) == check_weights(exported, wanted=digest.upper()) == digest


def test_a_folder_without_an_encoder_is_told_what_is_missing(tmp_path):
    folder = write(tmp_path / "models" / "seed0", **DESCRIPTION)
    with pytest.raises(InputError, match=r"neither encoder.safetensors with .*; there is one in .*seed0$"):
        encoder_files(tmp_path)
    with pytest.raises(InputError, match=r"seed0/encoder.json: is a file; give the folder that holds it"):
        encoder_files(folder / "encoder.json")
    with pytest.raises(InputError, match=r"nowhere: holds no encoder, .* or an exported one$"):
        encoder_files(tmp_path / "nowhere")
    (folder / "encoder.json").unlink()
    with pytest.raises(InputError, match=r"encoder.json: no such file; it belongs beside encoder.safetensors"):
        encoder_files(folder)


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", r"encoder\.json: not the description of an encoder \(JSONDecodeError"),
        ("[1]", r"not the description of an encoder \(lacks 'recipe'\); train again"),
        ("3", r"not the description of an encoder \(TypeError"),
        ('{"training": {}}', r"not the description of an encoder \(KeyError\('weights_sha256'\)\)"),
        ('{"recipe": {}}', r"not the description of an encoder \(lacks 'channels'\)"),
    ],
)
def test_other_files_are_no_description(tmp_path, content, message):
    path = tmp_path / "encoder.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_description(path)


def test_weights_that_nothing_vouches_for_are_refused(tmp_path, digest):
    files = encoder_files(write(tmp_path / "a", **DESCRIPTION))
    with pytest.raises(InputError, match=r"encoder\.json: names no digest of the weights"):
        check_weights(files)
    write(tmp_path / "a", **DESCRIPTION, weights_sha256="0" * 64)
    with pytest.raises(InputError, match=r"its sha256 is not the 000000000000\.\.\. of encoder\.json"):
        check_weights(files)
    write(tmp_path / "a", **DESCRIPTION, weights_sha256=digest)
    with pytest.raises(InputError, match=rf"sha256 is {digest}, wanted 1111; these are other weights"):
        check_weights(files, wanted="1111")


def test_training_data_in_a_few_words():
    screen = {"name": "bray", "source": "bray", "simulated": False}
    assert trained_on({"training_screen": screen}) == "bray"
    assert trained_on({"training_screen": screen | {"simulated": True}}) == "bray (simulated)"
    assert trained_on({"data_sha256": {"crops": "abc" * 9}}) == "crops abcabcabcabc"
    assert trained_on({}) == "crops unknown"
