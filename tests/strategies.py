"""Texts and spans for property tests, and what they are compared by."""

import re

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from music_ner.pipeline.normalization import Edit

IS_LONG = settings.get_current_profile_name() == "thorough"
fuzz = settings(
    max_examples=settings.default.max_examples if IS_LONG else 25,
    derandomize=not IS_LONG,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""Settings of a fuzz test: few examples, the same each time, or those of the profile `thorough`."""

TEXTS = st.text(alphabet="aB7é🎸 \t\n\u00a0\u2028|,$&\u200b", max_size=25)


@st.composite
def marked_texts(draw, texts=TEXTS):
    """A text and a span in it whose edges are no white space."""
    text = draw(texts)
    edges = [i for i, char in enumerate(text) if not char.isspace()]
    assume(edges)
    first, last = sorted((draw(st.sampled_from(edges)), draw(st.sampled_from(edges))))
    return text, first, last + 1


def rewrite(text: str, edits: list[Edit], new: str) -> str:
    """Apply edits to a text, with what stands in the new text at their new offsets."""
    done, end = "", 0
    for edit in edits:
        done += text[end : edit.start] + new[edit.new_start : edit.new_end]
        end = edit.end
    return done + text[end:]


def without_white(text: str) -> str:
    return re.sub(r"\s", "", text)
