"""Which fields a check decodes."""

import pandas as pd

from cwamsn.checks.sampling import choose, odd_files, usual_sample


def fields(plates=4, wells=6, sites=3):
    rows = [
        {"plate": f"P{p}", "well_id": f"P{p}_A{w:02d}", "site": s, "field_id": f"P{p}-A{w:02d}-{s}"}
        for p in range(plates)
        for w in range(1, wells + 1)
        for s in range(1, sites + 1)
    ]
    return pd.DataFrame(rows)


def test_every_plate_has_its_share_and_the_same_places():
    frame = fields()
    chosen = choose(frame, 12, seed=3)
    assert chosen["plate"].value_counts().to_dict() == {f"P{p}": 3 for p in range(4)}
    places = chosen["well_id"].str[3:] + chosen["site"].astype(str)
    assert places.value_counts().unique().tolist() == [4]


def test_the_sample_depends_on_the_seed_alone():
    frame = fields()
    shuffled = frame.sample(frac=1, random_state=1)
    assert set(choose(frame, 10, 1)["field_id"]) == set(choose(shuffled, 10, 1)["field_id"])
    assert set(choose(frame, 10, 1)["field_id"]) != set(choose(frame, 10, 2)["field_id"])


def test_fewer_fields_than_plates_are_of_different_plates_not_the_first_ones():
    frame = fields(plates=40, wells=1, sites=1)
    drawn = [set(choose(frame, 5, seed)["plate"]) for seed in range(4)]
    assert all(len(plates) == 5 for plates in drawn) and len(set.union(*drawn)) > 10


def test_all_are_taken_where_nothing_else_is_asked_or_there_are_no_more():
    frame = fields()
    assert choose(frame, None) is frame and choose(frame, 500) is frame


def test_the_usual_sample_has_three_fields_per_plate_and_fifty_at_least():
    assert (usual_sample(1), usual_sample(16), usual_sample(400)) == (50, 50, 1200)


def test_files_much_smaller_than_the_others_of_their_stain_and_plate_are_odd():
    frame = fields(plates=2, wells=4, sites=1)
    frame["uri_DNA"] = frame["field_id"] + "-DNA"
    frame["uri_ER"] = frame["field_id"] + "-ER"
    sizes = {uri: 1000 for uri in frame["uri_DNA"]} | {uri: 500 for uri in frame["uri_ER"]}
    assert odd_files(frame, sizes).empty
    sizes[frame["uri_ER"][5]], sizes[frame["uri_DNA"][2]] = 100, 600
    assert odd_files(frame, sizes).tolist() == [5, 2]
    assert odd_files(frame, sizes, most=1).tolist() == [5]
