"""How frequent words are in general English, for `[initialize.components.catalogue]`."""

from math import log10

from wordfreq import get_frequency_dict

from music_ner.pipeline.catalogue.names import fold

MOST_FREQUENT = 8.0
"""Zipf frequency that no word exceeds: `the` has 7.7."""


def english_frequencies() -> dict[str, float]:
    """Give the frequencies of the 29,000 most frequent English words.

    They are those of wordfreq (https://pypi.org/project/wordfreq/), a mix of books, subtitles, news
    and web pages.

    RETURNS (dict[str, float]): The Zipf frequency (logarithm to base 10 of the frequency per
        billion words, https://doi.org/10.1080/17470218.2013.850521) of each folded word, divided by
        `MOST_FREQUENT`. Numbers of several digits have `0` for each.
    """
    frequencies: dict[str, float] = {}
    for word, frequency in get_frequency_dict("en", "small").items():
        frequencies.setdefault(fold(word), (log10(frequency) + 9) / MOST_FREQUENT)
    return frequencies
