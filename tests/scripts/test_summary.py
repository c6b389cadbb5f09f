import pytest
import srsly

from scripts.summary import main


def split(f1):
    row = {"precision": 0.75, "recall": 0.5, "f1-score": f1, "support": 8}
    return {"default": {"Artist": row, "micro avg": row}}


RATES = {
    "typed_search": {"tests": 8, "passed": 0.875, "invariance": 0.75},
    "all": {"tests": 12, "passed": 11 / 12, "invariance": 0.75},
}


@pytest.fixture
def printed(tmp_path, capsys):
    """What the command prints, without the white space that depends on the width."""

    def run(fallback=None, **more):
        encoder = {"name": "tiny-bert", "fallback": fallback}
        metrics = {"encoder": encoder, "seed": 7, "dev": split(0.6124), "test": split(0.5896)}
        metrics |= more
        srsly.write_json(tmp_path / "scores.json", metrics)
        srsly.write_json(tmp_path / "behaviour.json", {"rates": RATES, "failed": []})
        wheel = tmp_path / "en_music-1.0-py3-none-any.whl"
        wheel.touch()
        page = tmp_path / "page.html"
        page.touch()
        main(tmp_path / "scores.json", tmp_path / "behaviour.json", wheel, page)
        return "".join(capsys.readouterr().out.split()), wheel, page

    return run


def test_the_scores_of_dev_and_test_are_printed(printed):
    text, _, _ = printed()
    assert "devArtist0.7500.5000.6128" in text
    assert "devmicroavg0.7500.5000.6128" in text
    assert "testArtist0.7500.5000.5908" in text
    assert "testmicroavg0.7500.5000.5908" in text


def test_the_scores_of_the_ready_made_pipeline_are_printed(printed):
    text, _, _ = printed(ready_made={"package": "en_ready", "test": split(0.8124)})
    assert "testmicroavg0.7500.5000.5908" in text
    assert "test,byen_readyArtist0.7500.5000.8128" in text
    assert "en_ready" not in printed()[0]


def test_the_pass_rates_of_behaviour_tests_are_printed(printed):
    text, _, _ = printed()
    assert "behaviourtestnumberpassed" in text
    assert "typedsearch888%" in text
    assert "all1292%" in text


def test_the_paths_of_wheel_and_page_are_printed(printed):
    text, wheel, page = printed()
    assert f"Wheel:{wheel}" in text
    assert f"displaCypage:{page}" in text


def test_encoder_and_seed_are_printed(printed):
    text, _, _ = printed()
    assert "Scoreswithtiny-bert,seed7" in text
    assert "fallback" not in text


def test_a_fallback_encoder_is_named_with_its_reason(printed):
    text, _, _ = printed(fallback="the Hub did not answer")
    assert "tiny-bertisafallback" in text
    assert "theHubdidnotanswer" in text
