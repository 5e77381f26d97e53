"""What heads on frozen features and aligned features need, and what is refused."""

import pytest

from cwamsn.errors import InputError
from cwamsn.head_needs import HeadNeeds
from cwamsn.needs import Needs
from tests.plans import plan_of, reporting_of, wells

FILE = {"mine": wells(path="mine_{screen}.parquet")}
HEAD = {"kind": "cwa-head", "features": "mine"}


def aligned(features, alignment="center-scale", **more):
    return {"kind": "aligned", "features": features, "alignment": alignment} | more


def heads_of(methods, **changes):
    return HeadNeeds(Needs(plan_of(methods, **changes)))


def test_a_head_is_learned_on_the_training_screen_and_applied_to_the_evaluated_one():
    heads = heads_of(FILE | {"head": HEAD}, seeds=[0, 4])
    assert heads.to_learn("head", "4") == {
        "embeddings": "./r/embeddings/t/mine/seed0.parquet",
        "counts": "./r/embeddings/t/mine/seed0.json",
        "wells": "d/t/wells.parquet",
    }
    assert heads.features("e", "head", "4")["embeddings"] == "./r/embeddings/e/mine/seed0.parquet"
    assert heads.all_heads() == [f"r/models/head/seed{seed}/head.safetensors" for seed in (0, 4)]
    assert heads.learning("head")["share"] is None
    assert heads.needs.missing_share("t") == 1.0 and heads.needs.missing_share("e") == 0.05


def test_seeds_follow_the_method_whose_features_are_taken():
    methods = {"cwa-msn": {"seeds": [2, 3]}, "head": {"kind": "cwa-head", "features": "cwa-msn"}}
    methods |= {"centred": aligned("cwa-msn"), "twice": aligned("head"), "mine": wells(), "plain": aligned("mine")}
    heads = heads_of(methods, seeds=[0, 2])
    seeds = {name: heads.plan.defined[name].seeds for name in methods}
    assert seeds["centred"] == (2, 3) and seeds["twice"] == (0, 2) == seeds["head"] and seeds["plain"] == (0,)
    assert heads.features("e", "head", "2")["embeddings"].endswith("cwa-msn/seed2.parquet")
    assert heads.features("e", "head", "0")["embeddings"].endswith("cwa-msn/seed2.parquet"), "its first"


def test_what_a_head_saw_reaches_the_benchmarks_that_look_for_leaks():
    methods = {"cwa-msn": {}, "head": {"kind": "cwa-head", "features": "cwa-msn"}, "over": aligned("head")}
    needs = heads_of(methods).needs
    for name in ("head", "over"):
        assert needs.training_elsewhere("e", name, "0") == {"training": ["r/models/head/seed0/head.json"]}
        assert needs.training_wells("e", name) == {"training_wells": "d/t/wells.parquet"}, "those of the encoder"
        assert needs.is_in_sample("e", name) is None, "its description says"
        assert needs.is_in_sample("t", name) is True, "its encoder was trained there"
    assert needs.is_in_sample("e", "cwa-msn") is False and needs.training_elsewhere("e", "cwa-msn", "0") == {}


def test_a_head_of_the_evaluated_screen_leaves_out_what_it_saw_and_is_not_in_sample():
    heads = heads_of(FILE | {"head": HEAD}, training_screen=None)
    assert heads.needs.learned_on("head") == "e" and heads.learning("head")["share"] == 0.5
    assert heads.needs.training_elsewhere("e", "head", "0") == {}
    assert heads.needs.is_in_sample("e", "head") is None, "as the file of its features"


def test_the_report_knows_the_screen_that_a_head_was_learned_on():
    reporting = reporting_of(plan_of(FILE | {"head": HEAD}))
    assert reporting.screens() == ["t", "e"] and reporting.pictured() == []
    assert reporting.entries()[1]["training_data"] == "t"
    assert [job.usage for job in reporting.jobs() if job.step == "train"] == ["heads/head/seed0"]
    measured = {"px": {"kind": "handcrafted", "features": "pixel-statistics"}, "head": HEAD | {"features": "px"}}
    assert reporting_of(plan_of(measured)).pictured() == ["t", "e"], "its features are measured there"


def test_a_head_may_be_learned_on_single_fields():
    measured = {"kind": "handcrafted", "features": "texture"}
    heads = heads_of({"tex": measured, "head": HEAD | {"features": "tex", "fields": True}})
    assert heads.to_learn("head", "0") == {
        "embeddings": "./r/embeddings/t/tex/fields/seed0.parquet",
        "counts": "./r/embeddings/t/tex/fields/seed0.json",
        "wells": "d/t/wells.parquet",
    }
    assert heads.features("e", "head", "0")["embeddings"] == "./r/embeddings/e/tex/seed0.parquet", "wells"
    assert heads.learning("head")["fields"] is True
    units = heads.needs.features_of_fields("t", "tex")
    assert len(units) == 8 and units[0].startswith("./r/embeddings/t/tex/fields/units/")


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"head": HEAD}, r"definitions\.head\.features: no method is called 'mine'"),
        ({"head": HEAD | {"features": "head"}}, r"head takes its features from head in turn"),
        ({"a": aligned("b"), "b": aligned("a")}, r"features: a takes its features from a in turn"),
        ({"m": {"kind": "published"}, "head": HEAD | {"features": "m"}}, r"m is of kind published"),
        (FILE | {"a": aligned("mine", "sphring")}, r"definitions\.a\.alignment: .*sphring"),
        (FILE | {"a": aligned("mine", wells_of="hed")}, r"definitions\.a\.wells_of: 'hed' is not among `methods`"),
        (
            FILE | {"pca": aligned("mine", "pca-center-scale"), "head": HEAD | {"features": "pca"}},
            r"pca is aligned by pca-center-scale, whose features differ from screen to screen",
        ),
        (
            {
                "tex": {"kind": "handcrafted", "features": "texture"},
                "head": HEAD | {"features": "tex", "fields": True, "scale": "training"},
            },
            r"head\.scale: tex has measured features.* take scale: screen",
        ),
        (FILE | {"head": HEAD | {"fields": True}}, r"head\.fields: mine has no features of single fields.* kind wells"),
        (FILE | {"head": HEAD | {"head": {"target_from": "site"}}}, r"site needs the features of single fields"),
        (FILE | {"head": HEAD | {"learn_on": "x"}}, r"definitions\.head\.learn_on: no screen is called 'x'"),
    ],
)
def test_features_that_cannot_be_had_are_refused_in_one_line(methods, message):
    with pytest.raises(InputError, match=message):
        heads_of(methods)


def test_a_method_that_gives_features_is_one_of_the_run():
    with pytest.raises(InputError, match="mine is not among `methods`; add it there"):
        HeadNeeds(Needs(plan_of({"head": HEAD}, embeddings=FILE)))
