"""Any method embeds a screen through one function."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

import cwamsn.models.devices
from cwamsn import tables
from cwamsn.embeddings import EmbedOptions, HandcraftedOptions, methods, random_embeddings
from cwamsn.embeddings.encoder import LoadedEncoder
from cwamsn.errors import InputError
from cwamsn.exposure import SEEN
from cwamsn.files import read_json, sha256, write_json
from cwamsn.methods import KINDS, method_of
from cwamsn.notes import collected
from cwamsn.paths import ScreenPaths
from cwamsn.tables import feature_columns
from tests.training.tiny import CHANNELS, wells_frame, write_store

OPTIONS = EmbedOptions(precision="float32", device="cpu")
MEASURED = {"features": "pixel-statistics", "options": dataclasses.asdict(HandcraftedOptions())}


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """A screen of 56 wells, of which the last two have no image."""
    folder, wells = tmp_path_factory.mktemp("screen"), wells_frame()
    write_store(folder, wells.iloc[:-2])
    tables.write(wells, "wells", folder / "wells.parquet")
    truth = pd.DataFrame(np.random.default_rng(0).random((len(wells), 3)))
    truth = truth.add_prefix("phenotype_").assign(well_id=wells["well_id"])
    path = ScreenPaths(folder).simulated_truth
    path.parent.mkdir(parents=True)
    truth.to_parquet(path)
    return ScreenPaths(folder)


def method(kind, **entry):
    return method_of("mine", {"kind": kind} | entry, [3])


def a_file(folder, wells):
    random_embeddings(wells, 8, 0).to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


@pytest.fixture
def network(monkeypatch):
    """A network in place of a trained one: the mean of each channel."""
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    meta = {"in_channels": len(CHANNELS), "view_size": 16, "channels": list(CHANNELS)}
    monkeypatch.setattr(methods, "load_encoder", lambda *args, **options: LoadedEncoder(network, meta))
    return meta


@pytest.mark.parametrize(
    ("kind", "entry", "embedded"),
    [
        ("trained", {}, 54),
        ("encoder", {}, 54),
        ("handcrafted", MEASURED, 54),
        ("handcrafted", MEASURED | {"features": "texture"}, 54),
        ("latent", {"part": "phenotype"}, 56),
        ("random", {"dimension": 8}, 56),
        ("wells", {"path": "mine.csv"}, 56),
        ("released", {"well_column": "well_id"}, 56),
    ],
)
def test_every_kind_embeds_the_wells_that_it_can(screen, network, tmp_path, kind, entry, embedded):
    wells = tables.read("wells", screen.wells)
    source = {
        "trained": tmp_path,
        "encoder": tmp_path,
        "wells": a_file(tmp_path, wells),
        "released": a_file(tmp_path, wells),
    }.get(kind)
    frame, counts = methods.embed_method(method(kind, **entry), screen, 3, OPTIONS, source)
    assert tables.check(frame, "embeddings", kind)["well_id"].is_monotonic_increasing
    assert len(frame) == counts["matched"] == embedded and counts["wells"] == 56
    frame, _ = methods.embed_method(method(kind, **entry), screen, 3, OPTIONS, source, imaged_only=True)
    assert frame["well_id"].tolist() == sorted(wells["well_id"].iloc[:-2])
    assert np.isfinite(frame[feature_columns(frame)]).all(axis=None)


def test_wells_of_which_no_images_are_kept_are_left_out_and_not_missing(screen, tmp_path):
    """Random numbers have the wells of the methods beside them, and none of those counts as missing."""
    wells = tables.read("wells", screen.wells)
    part = wells.assign(split=["train"] * 30 + [None] * (len(wells) - 30))
    (tmp_path / "s").mkdir()
    tables.write(part, "wells", tmp_path / "s" / "wells.parquet")
    frame, counts = methods.embed_method(
        method("random", dimension=4), ScreenPaths(tmp_path / "s"), 0, OPTIONS, keep="split"
    )
    assert frame["well_id"].tolist() == sorted(part["well_id"].iloc[:30])
    assert counts["wells"] == counts["matched"] == 30 and counts["missing"] == 0


def test_the_table_knows_every_kind_that_embeds_wells():
    own = [kind for kind in KINDS.values() if kind.embeds_wells and not kind.on_method]
    assert {kind.name for kind in own} == {kind.name for kind in methods._KINDS}
    with pytest.raises(InputError, match="mine: a method of kind map has no embeddings of wells"):
        methods.embed_method(method("map"), ScreenPaths("nowhere"), 0, OPTIONS)


def test_units_measured_before_are_combined(screen, tmp_path):
    whole, _ = methods.embed_method(method("handcrafted", **MEASURED), screen, 0, OPTIONS)
    store = methods.CropStore(screen.crops, screen.root)
    measured = methods.measure_unit(store, "pixel-statistics", HandcraftedOptions())
    paths = [tmp_path / f"{i}.parquet" for i in range(2)]
    for path, rows in zip(paths, (measured[:20], measured[20:])):
        rows.to_parquet(path)
    frame, counts = methods.embed_method(method("handcrafted", **MEASURED), screen, 0, OPTIONS, paths)
    pd.testing.assert_frame_equal(frame, whole)
    assert counts["columns"][0] == "a_mean"


def test_wells_left_without_an_embedding_are_refused_beyond_the_share(screen):
    with pytest.raises(InputError, match="2 of 56 wells have no embedding"):
        methods.embed_method(method("handcrafted", **MEASURED), screen, 0, OPTIONS, max_missing_share=0.01)


def test_a_job_chooses_its_device_once(screen, network, tmp_path, monkeypatch):
    """A second choice could fall on another GPU than the one that the job has leased."""
    chosen, choose = [], cwamsn.models.devices.choose_devices

    def counted(*args, **options):
        chosen.append(args)
        return choose(*args, **options)

    monkeypatch.setattr(cwamsn.models.devices, "choose_devices", counted)
    _, counts = methods.embed_method(method("trained"), screen, 0, OPTIONS, tmp_path)
    assert len(chosen) == 1 and {"precision", "attention", "device"} <= set(counts)


def encoder_frame(screen, folder, kind="encoder", **entry):
    frame, counts = methods.embed_method(method(kind, **entry), screen, 0, OPTIONS, folder)
    return frame[feature_columns(frame)].to_numpy(), counts


@pytest.mark.parametrize("kind", ["trained", "encoder"])
def test_stains_in_another_order_are_found_by_name(screen, network, tmp_path, capsys, kind):
    expected, counts = encoder_frame(screen, tmp_path, kind)
    assert "channels" not in counts
    network["channels"] = network["channels"][::-1]
    found, counts = encoder_frame(screen, tmp_path, kind)
    np.testing.assert_array_equal(found, expected[:, ::-1])
    assert counts["channels"] == {name: name for name in CHANNELS}
    assert f"in the encoder's order: {', '.join(reversed(CHANNELS))}" in capsys.readouterr().out


def test_stains_in_another_spelling_are_found_where_the_method_says_so(screen, network, tmp_path):
    expected, _ = encoder_frame(screen, tmp_path)
    network["channels"] = ["b", "DNA", *network["channels"][2:]]
    found, counts = encoder_frame(screen, tmp_path, channels={"DNA": "a"})
    np.testing.assert_array_equal(found, expected[:, [1, 0, 2, 3, 4]])
    assert counts["channels"]["DNA"] == "a"
    for kind, entry, advice in (
        ("encoder", {}, r"write definitions\.mine\.channels: \{DNA: a\}"),
        ("trained", {}, "give"),
    ):
        with pytest.raises(InputError, match=rf"channels b, DNA, c, d, e, the screen's crops hold a, b.*; {advice}"):
            encoder_frame(screen, tmp_path, kind, **entry)


def test_what_an_encoder_was_trained_on_is_noted(screen, network, tmp_path):
    network |= {"weights_sha256": "1" * 64, "data_sha256": {"wells": "2" * 64, "crops": "3" * 64}}
    with collected() as lines:
        _, counts = encoder_frame(screen, tmp_path)
    assert counts["encoder"]["weights_sha256"] == "1" * 64
    assert lines == [
        "its encoder was trained in another run, on crops 333333333333: whether it saw compounds of "
        f"{screen.root.name} there is not known, and none is left out for it"
    ]
    network |= {"steps": 6, SEEN: {"plates": ["e/p"], "perturbations": ["P01", "P07"], "inchikey_blocks": None}}
    with collected() as lines:
        encoder_frame(screen, tmp_path)
    assert lines == [
        "its encoder was trained in another run, on crops 333333333333: it saw 2 of the 12 perturbations of "
        f"{screen.root.name} (such as P01, P07), some compared by name for want of InChIKeys"
    ]
    network["data_sha256"] = {"wells": sha256(screen.wells)}
    with collected() as lines:
        encoder_frame(screen, tmp_path)
    assert "in another run: its scores there are in-sample" in lines[0]


@pytest.mark.parametrize("kind", ["trained", "pretrained"])
def test_a_network_goes_on_from_its_parts(screen, tmp_path, monkeypatch, kind):
    seen = []
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    network.register_forward_hook(lambda *_: seen.append(0))
    meta = {"in_channels": len(CHANNELS), "view_size": 16, "channels": None, "mean": [99.0] * 5, "std": [9.0] * 5}
    monkeypatch.setattr(methods, "load_encoder", lambda *args, **options: LoadedEncoder(network, meta))
    monkeypatch.setattr(methods, "load_pretrained", lambda *args, **options: (network, meta))
    parts, entry = tmp_path / "seed3.parts", {} if kind == "trained" else {"weights": "any"}
    first, again = (
        methods.embed_method(method(kind, **entry), screen, 3, OPTIONS, tmp_path, parts=parts)[0] for _ in range(2)
    )
    assert len(seen) == 7  # 108 crops, 16 at once, and none of them twice
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert [path.name for path in parts.iterdir()] == ["00000000.part"]


def test_weights_without_a_known_digest_are_noted_and_stains_found_by_name(screen, monkeypatch):
    """The network is told the screen's channels; what was found of the file is said."""
    network, asked = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), {}
    meta = {"in_channels": 5, "view_size": 16, "channels": None, "mean": [0.0] * 5, "std": [255.0] * 5}
    meta |= {"sha256": {"morphem": "5a" * 32}, "digest_unknown": ["morphem"]}

    def load(*args, **options):
        asked.update(options)
        return network, meta

    monkeypatch.setattr(methods, "load_pretrained", load)
    with collected() as lines:
        methods.embed_method(method("pretrained", weights="morphem", untrained=3), screen, 0, OPTIONS)
    assert asked["channels"] == CHANNELS and asked["untrained"] == 3
    assert f"this one has {'5a' * 32}; give it as definitions.mine.sha256" in lines[0]


def test_a_method_that_needs_a_path_says_so(screen):
    with pytest.raises(InputError, match="mine: a method of kind trained needs one path as `source`"):
        methods.embed_method(method("trained"), screen, 0, OPTIONS)


@pytest.mark.parametrize("kind", ["trained", "encoder"])
def test_statistics_in_another_order_than_the_crops_are_refused(network, tmp_path, kind):
    screen = write_store(tmp_path / "screen")
    found = read_json(screen.statistics)
    write_json(found | {"channels": found["channels"][::-1]}, screen.statistics)
    with pytest.raises(
        InputError, match=r"statistics\.json: of e, d, c, b, a, the crops hold a, b, c, d, e; run crops"
    ):
        methods.embed_method(method(kind), screen, 3, OPTIONS, tmp_path)


def test_an_untrained_twin_embeds_a_sample_of_the_imaged_wells(screen, network, tmp_path, monkeypatch):
    monkeypatch.setattr(methods, "untrained", lambda found, seed: found)
    whole, _ = methods.embed_method(method("trained"), screen, 3, OPTIONS, tmp_path)
    some, counts = methods.embed_untrained(method("trained"), screen, 3, OPTIONS, tmp_path, max_wells=20)
    assert len(some) == counts["wells"] == counts["matched"] == 20
    pd.testing.assert_frame_equal(some, whole[whole["well_id"].isin(some["well_id"])].reset_index(drop=True))
    other, _ = methods.embed_untrained(method("trained"), screen, 3, OPTIONS, tmp_path, max_wells=20, sample_seed=1)
    assert set(other["well_id"]) != set(some["well_id"])
    every, _ = methods.embed_untrained(method("trained"), screen, 3, OPTIONS, tmp_path, max_wells=999)
    assert len(every) == len(whole)
    with pytest.raises(InputError, match="mine: a method of kind random has no network, and so no untrained twin"):
        methods.embed_untrained(method("random", dimension=8), screen, 3, OPTIONS, max_wells=20)


def test_single_fields_are_embedded_whose_mean_is_that_of_the_well(screen):
    chosen = method("handcrafted", **MEASURED)
    fields, counts = methods.embed_fields(chosen, screen, 0, OPTIONS)
    tables.check(fields, "field_embeddings", "fields")
    store = methods.CropStore(screen.crops, screen.root)
    assert sorted(fields["field_id"]) == sorted(store.frame["field_id"].unique()) and counts["fields"] == len(fields)
    of_well = store.frame.set_index("field_id")["well_id"]
    assert fields["well_id"].tolist() == of_well.loc[fields["field_id"]].tolist()
    with pytest.raises(InputError, match="kind random has no features of single fields"):
        methods.embed_fields(method("random", dimension=4), screen, 0, OPTIONS)
