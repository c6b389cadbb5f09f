"""The command `linking`, on links of a few mentions."""

import random

import pytest
import srsly

from scripts import linking

HEADER = "mention,type,query,wiki_link,wikidata_type,wiki_name,exposure\n"
ROWS = """\
hurt,WoA,hurt by johnny cash,x,song,Hurt_(Nine_Inch_Nails_song),1
johnny cash,Artist,hurt by johnny cash,x,human,Johnny_Cash,1
sade,Artist,like sade,x,human,Sade_(singer),1
korn,Artist,like korn,,,,0
"""
NAMES = [
    {"artist": "Johnny Cash", "works": ["Hurt"]},
    {"artist": "Nine Inch Nails", "works": ["Hurt"]},
]


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "data" / "dataset1").mkdir(parents=True)
    (tmp_path / "data" / "dataset1" / "linked.csv").write_text(HEADER + ROWS, encoding="utf8")
    srsly.write_jsonl(tmp_path / "names.jsonl", NAMES)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "artists.txt").write_text("sadie\n", encoding="utf8")
    (tmp_path / "lists" / "works.txt").write_text("blind\n", encoding="utf8")
    (tmp_path / "corrected.csv").write_text(
        "part,row,query_id,start,end,label,ids\n1,3,7,5,9,Artist,artist:sade\n1,4,8,5,9,Artist,\n",
        encoding="utf8",
    )
    return tmp_path


def test_systems_are_scored_on_the_corrected_links(inputs):
    linking.main(
        inputs / "data",
        inputs / "names.jsonl",
        inputs / "lists",
        inputs / "corrected.csv",
        inputs / "results.json",
        inputs / "weights.json",
        model="",
        parts="1",
        seed=0,
    )
    results = srsly.read_json(inputs / "results.json")
    assert srsly.read_json(inputs / "weights.json") == results["weights"]
    exact = results["as written"]["exact match"]
    assert (exact["n"], exact["n_nil"]) == (2, 1)
    assert (exact["accuracy"], exact["nil_precision"], exact["nil_recall"]) == (1, 1, 1)


def test_a_typo_changes_a_mention_by_little():
    generator = random.Random(0)
    typos = [linking.with_typo("radiohead", generator) for _ in range(50)]
    assert "radiohead" not in typos
    assert all(abs(len(typo) - 9) <= 1 for typo in typos)
    assert linking.with_typo("u2", generator) == "u2"


def test_the_calibration_error_is_the_distance_of_score_and_share():
    pairs = [(0.75, True), (0.75, True), (0.75, True), (0.75, False)]
    assert linking.calibration_error(pairs) == 0
    assert linking.calibration_error([(0.75, False)] * 4) == pytest.approx(0.75)
