"""The RxRx3-core source: straddling wells, missing planes, the licence, files without images."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cwamsn import screen_specs, screens
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs import parse_spec
from cwamsn.screens.sources.rxrx3_core import shards
from cwamsn.vocabulary import RXRX3_STAINS

from ..loopback import MiniRxRx3, Odd

ACCEPTED = {"accept_noncommercial_licence": True}


def _check(mini, fields):
    for _, row in fields.iterrows():
        for c, name in enumerate(RXRX3_STAINS, 1):
            np.testing.assert_array_equal(screens.read_plane(row[f"uri_{name}"]), mini.planes[row["well_id"], c])


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("rows", [15, 13, 12, 42])  # 13: the rest of a field lies in two row groups of the next shard
def test_every_well_comes_once_and_whole(host, run, remote, rows):
    mini = MiniRxRx3(host.root, rows)
    this = run(mini.spec(host.url if remote else f"file://{host.root}", **ACCEPTED))
    this.wells()
    seen = []
    for part in screen_specs.units("s", this.spec):
        fields, skipped, manifest = this.fetch(part)
        assert skipped.empty and set(manifest["name"]) >= {f"{part}.parquet"}
        _check(mini, fields)
        seen += fields["well_id"].tolist()
    assert sorted(seen) == sorted(w[0] for w in mini.WELLS)


def test_of_a_neighbouring_shard_only_the_head_travels(host, run):
    mini = MiniRxRx3(host.root, side=200)
    this = run(mini.spec(host.url, **ACCEPTED))
    this.wells()
    fields, _, _ = this.fetch("train-00000-of-00003")
    assert len(fields) == 3
    neighbour = host.root / "data/train-00001-of-00003.parquet"
    assert host.sent["data/train-00001-of-00003.parquet"] < 0.7 * neighbour.stat().st_size


def test_missing_planes_and_wells_are_listed(host, run):
    mini = MiniRxRx3(host.root, 15, without=("compound-001/Plate1/A02_s1_3", "gene-060_9_T13"))
    (host.root / "metadata_rxrx3_core.csv").write_text(
        "\n".join(
            line
            for line in (host.root / "metadata_rxrx3_core.csv").read_text().splitlines()
            if not line.startswith("gene-060_9_T15")
        )
    )
    this = run(mini.spec(str(host.root)))
    this.wells()
    skipped = pd.concat([this.fetch(part)[1] for part in screen_specs.units("s", this.spec)])
    assert dict(zip(skipped["well_id"], skipped["reason"])) == {
        "compound-001_1_A02": "no image of channel Phalloidin",
        "gene-060_9_T13": "well without any image on the host",
        "gene-060_9_T15": "well without a row in the metadata",
    }


def test_wells(host, run):
    mini = MiniRxRx3(host.root)
    wells = run(mini.spec(str(host.root))).wells()
    columns = ["perturbation", "control", "perturbation_type", "experiment", "plate", "row", "column"]
    assert wells.loc["compound-001_1_AA15", columns].tolist() == [
        "Phloretin", None, "COMPOUND", "compound-001", "1", 27, 15,
    ]  # fmt: skip
    assert wells.loc["compound-001_1_AA15", "inchikey"].startswith("LFQSCWFLJHTTHZ")
    assert wells.loc["compound-001_1_AA15", "concentration"] == 0.025
    assert wells.loc["gene-060_9_T13", ["perturbation", "guide", "gene"]].tolist() == ["PEX6", "PEX6_guide_2", "PEX6"]
    assert wells.loc["compound-001_1_A01", ["perturbation", "control"]].tolist() == ["EMPTY_control", "negative"]
    assert wells.loc["compound-001_1_A02", ["perturbation", "control"]].tolist() == ["CRISPR_control", "other"]
    assert pd.isna(wells.loc["gene-060_11_P28", "gene"]) and pd.isna(wells.loc["gene-060_11_P28", "guide"])


def test_controls_are_controls_in_any_case_and_their_absence_is_said(host, run):
    mini = MiniRxRx3(host.root)
    path = host.root / "metadata_rxrx3_core.csv"
    published = path.read_text()
    wanted = run(mini.spec(str(host.root))).wells()
    path.write_text(published.replace("EMPTY_control", "empty_Control"))
    with collected() as notes:
        found = run(mini.spec(str(host.root))).wells()
    columns = ["perturbation", "control", "treatment"]
    pd.testing.assert_frame_equal(found[columns], wanted[columns])
    count = int((wanted["control"] == "negative").sum())
    assert notes == [f"{count} wells are controls though their treatment is written 'empty_Control'"]
    path.write_text(published.replace("EMPTY_control", "DMSO"))
    with collected() as notes:
        run(mini.spec(str(host.root))).wells()
    assert notes == ["no well is a negative control: none has the treatment EMPTY_control"]


def test_a_name_is_cut_at_its_guide_and_nowhere_else(host, run):
    mini = MiniRxRx3(host.root)
    path = host.root / "metadata_rxrx3_core.csv"
    more = [
        "compound-001_1_B01,compound-001,1,B01,,BRD_K123,,1.0,COMPOUND,HUVEC,",
        "compound-001_1_B02,compound-001,1,B02,,BRD_K456,,1.0,COMPOUND,HUVEC,",
        "gene-060_9_B03,gene-060,9,B03,TP53,TP53_sg1,,,CRISPR,HUVEC,",
        "gene-060_9_B04,gene-060,9,B04,,NKX2_5_guide_A,,,CRISPR,HUVEC,",
    ]
    path.write_text(path.read_text() + "\n".join(more) + "\n")
    wells = run(mini.spec(str(host.root))).wells()
    added = ["compound-001_1_B01", "compound-001_1_B02", "gene-060_9_B03", "gene-060_9_B04"]
    assert wells.loc[added, "perturbation"].tolist() == ["BRD_K123", "BRD_K456", "TP53", "NKX2_5"]
    assert wells.loc[added, "guide"].tolist() == [None, None, "TP53_sg1", "NKX2_5_guide_A"]


def test_the_published_example_rows(run, shared):
    path = shared / "rxrx3_core/metadata_example_rows.csv"
    wells = run({"source": "rxrx3-core", "metadata": str(path), "compound_gene_truth": "x"}).wells()
    assert len(wells) == 9 and wells["control"].value_counts().to_dict() == {"negative": 2, "other": 1}
    assert wells.loc["compound-003_11_AD37", "inchikey"] == "VGEREEWJJVICBM-UHFFFAOYSA-N"  # phloretin


def test_evaluation_needs_no_images_and_no_licence(run, shared, tmp_path):
    spec = {
        "source": "rxrx3-core",
        "metadata": str(shared / "rxrx3_core/metadata_example_rows.csv"),
        "compound_gene_truth": str(shared / "rxrx3_core/compound_gene_interactions.csv"),
    }
    run(spec).wells()
    screens.fetch_truth(parse_spec(spec), tmp_path / "cache", tmp_path / "truth.csv")
    assert len(pd.read_csv(tmp_path / "truth.csv")) == 2921


def test_the_licence_is_asked_for_before_the_host_is(host, run, tmp_path):
    mini = MiniRxRx3(host.root)
    this = run(mini.spec(host.url))
    with pytest.raises(InputError, match="accept_noncommercial_licence: true"):
        this.wells()
    with pytest.raises(InputError, match="accept_noncommercial_licence: true"):
        screens.fetch_released_embeddings(parse_spec(this.spec), tmp_path / "cache", tmp_path / "e.parquet")
    assert not host.requests
    (host.root / "OpenPhenom_rxrx3_core_embeddings.parquet").write_bytes(b"PAR1")
    screens.fetch_released_embeddings(parse_spec(mini.spec(str(host.root))), tmp_path / "cache", tmp_path / "e.parquet")
    assert (tmp_path / "e.parquet").read_bytes() == b"PAR1"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("compound-001_1_A02,", "compound-001_1_A01,", r"row 1: well_id compound-001_1_A01 appears twice"),
        (",COMPOUND,", ",DRUG,", r"row 0: perturbation_type must be COMPOUND or CRISPR"),
        (",0.025,", ",much,", r"row 2: concentration 'much' is not a number"),
        (",AA15,", ",15AA,", r"row 2: '15AA' is not a well address"),
        (",0.025,", ",-1,", r"row 2: concentration '-1' is not a number \(µM\), or not a dose"),
        ("compound-001_1_A02,compound-001,1,", "compound-001_1_A02,compound-001,,", r"row 1 has no plate"),
        ("compound-001_1_A02,compound-001,1,", ",compound-001,1,", r"row 1 has no well_id"),
        ("treatment", "compound", r"lacks column treatment"),
    ],
)
def test_bad_metadata_names_file_and_row(host, run, old, new, error):
    mini = MiniRxRx3(host.root)
    path = host.root / "metadata_rxrx3_core.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=rf"metadata_rxrx3_core\.csv: {error}"):
        run(mini.spec(str(host.root))).wells()


def test_a_broken_shard_names_itself(host, run):
    mini = MiniRxRx3(host.root)
    path = host.root / "data/train-00000-of-00003.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    this = run(mini.spec(str(host.root)))
    this.wells()
    with pytest.raises(InputError, match=r"train-00000-of-00003\.parquet: not a readable shard"):
        this.fetch("train-00000-of-00003")


def test_shards_can_be_chosen():
    spec = {"source": "rxrx3-core", "shards": 35, "shard_selection": [34, 0]}
    assert screen_specs.units("s", spec) == ["train-00000-of-00035", "train-00034-of-00035"]
    with pytest.raises(InputError, match="35 is not among the shards 0 to 34"):
        screen_specs.units("s", spec | {"shard_selection": [35]})


NEIGHBOUR = "data/train-00001-of-00003.parquet"


@pytest.mark.parametrize(
    "answers",
    [["no-range"] * 9, [None, *[Odd(any_version=True, etag='"another"')] * 9]],
    ids=["whole files only", "another version in each answer"],
)
def test_a_neighbour_that_is_fetched_whole_is_removed_again(host, run, answers):
    mini = MiniRxRx3(host.root, side=200)
    this = run(mini.spec(host.url, **ACCEPTED))
    this.wells()
    host.faults[NEIGHBOUR] = answers
    fields, skipped, _ = this.fetch("train-00000-of-00003")
    assert len(fields) == 3 and skipped.empty
    _check(mini, fields)
    assert not list((this.folder / "cache").rglob("*.parquet")) and not list(
        (this.folder / "cache/neighbours").iterdir()
    )


def test_a_shard_that_begins_with_a_row_that_names_no_plane(host, run):
    mini = MiniRxRx3(host.root)
    path = host.root / NEIGHBOUR
    shard = pq.read_table(path)
    odd = pa.Table.from_pylist([{"__key__": "thumbnail", "jp2": {"bytes": b"", "path": ""}}] * 5, schema=shard.schema)
    pq.write_table(pa.concat_tables([odd, shard]), path, row_group_size=4)
    this = run(mini.spec(str(host.root), **ACCEPTED))
    this.wells()
    found = [this.fetch(part) for part in screen_specs.units("s", this.spec)]
    assert sum(len(fields) for fields, _, _ in found) == 7 and all(skipped.empty for _, skipped, _ in found)
    for fields, _, _ in found:
        _check(mini, fields)


def test_a_broken_neighbour_names_itself(host, run):
    mini = MiniRxRx3(host.root)
    (host.root / NEIGHBOUR).write_bytes((host.root / NEIGHBOUR).read_bytes()[:-50])
    for base in (str(host.root), host.url):
        this = run(mini.spec(base, **ACCEPTED))
        this.wells()
        with pytest.raises(InputError, match=r"train-00001-of-00003\.parquet: not a readable shard"):
            this.fetch("train-00000-of-00003")


def test_a_shard_is_fetched_again_when_what_came_is_none(host, run):
    mini = MiniRxRx3(host.root)
    path = host.root / "data/train-00000-of-00003.parquet"
    right = path.read_bytes()
    path.write_bytes(b"<html>maintenance</html>")
    this = run(mini.spec(host.url, **ACCEPTED))
    this.wells()
    with pytest.raises(InputError, match="not a readable shard"):
        this.fetch("train-00000-of-00003")
    path.write_bytes(right)
    assert len(this.fetch("train-00000-of-00003")[0]) == 3


@pytest.mark.parametrize("bound", ["_KEYS", "_ROW_GROUP"])
def test_a_shard_that_would_unpack_to_more_than_memory_holds_is_refused(host, run, monkeypatch, bound):
    mini = MiniRxRx3(host.root)
    this = run(mini.spec(str(host.root), **ACCEPTED))
    this.wells()
    monkeypatch.setattr(shards, bound, 50)
    with pytest.raises(InputError, match=r"train-00000-of-00003\.parquet: would unpack to more than"):
        this.fetch("train-00000-of-00003")
