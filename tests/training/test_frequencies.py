"""How frequent words are in general English."""

import pytest
from spacy import registry
from wordfreq import zipf_frequency

from music_ner.pipeline.catalogue.names import digits_as_0, fold


@pytest.fixture(scope="module")
def frequencies() -> dict[str, float]:
    """What a config gets by the name of the function."""
    config = {"frequencies": {"@misc": "music_ner.english_frequencies.v1"}}
    return registry.resolve(config)["frequencies"]


@pytest.mark.parametrize("word", ["the", "love", "yellow", "paradise", "7", "mp3", "0000"])
def test_a_word_has_its_zipf_frequency_in_eighths(frequencies, word):
    assert frequencies[word] == pytest.approx(zipf_frequency(word, "en", "small") / 8, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "folded"), [(("don't", "dont"), "dont"), (("cafe", "café"), "cafe")]
)
def test_of_words_that_are_folded_to_the_same_the_most_frequent_counts(frequencies, words, folded):
    zipf = [zipf_frequency(word, "en", "small") for word in words]
    assert zipf[0] > zipf[1] > 0
    assert frequencies[folded] == pytest.approx(zipf[0] / 8, abs=1e-3)


def test_frequencies_are_between_0_and_1_and_that_of_the_is_the_highest(frequencies):
    assert len(frequencies) > 28_000
    assert max(frequencies, key=frequencies.get) == "the"
    assert all(0 < frequency < 1 for frequency in frequencies.values())


def test_every_word_is_listed_as_it_is_looked_up(frequencies):
    assert [word for word in frequencies if digits_as_0(fold(word)) != word] == []


@pytest.mark.parametrize("word", ["portishead", "hyperballad", "zzzz"])
def test_rare_words_are_not_listed(frequencies, word):
    assert word not in frequencies
