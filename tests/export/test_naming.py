"""Names and versions of packages."""

import pytest

from music_ner.export.naming import naming_problems


def problems(name="music_ner", version="0.3.0"):
    return list(naming_problems("en", name, version))


@pytest.mark.parametrize("name", ["music_ner", "m", "x2", "my_music_2_fast", "class", "m" * 80])
def test_a_name_that_a_wheel_keeps_is_right(name):
    assert problems(name=name) == []


@pytest.mark.parametrize(
    "name",
    [
        *("MusicNER", "ner__x", "my__ner_", "café", "_ner", "ner_", "2023", "", "en_music"),
        *("not-a-module", "my.ner", "my ner", "ner\n", "ﬁne", "x²", "m" * 81, "a/b", "'ner'"),
    ],
)
def test_a_name_that_a_wheel_changes_or_cannot_have_is_a_problem(name):
    ((problem, fix),) = problems(name=name)
    assert repr(f"en_{name}")[1:-1] in repr(problem)
    assert fix.startswith("Set vars.name to letters a to z")


@pytest.mark.parametrize("version", ["0.3.0", "1", "1.0", "2026.12", "1.0rc1", "1.0.post1.dev2"])
def test_a_version_that_a_wheel_keeps_is_right(version):
    assert problems(version=version) == []


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("1.0 beta", "1.0.0"),
        ("1_0", "1.0.0"),
        ("1.0-beta", "1.0b0"),
        ("v1.0", "1.0"),
        ("01.0", "1.0"),
        ("1.0.RC1", "1.0rc1"),
        (" 1.0", "1.0"),
        ("", "1.0.0"),
        ("first", "1.0.0"),
        ("1.0\n", "1.0"),
        ("1" * 81, "1.0.0"),
    ],
)
def test_a_version_that_a_wheel_writes_in_another_way_is_a_problem(version, fix):
    ((_, found),) = problems(version=version)
    assert found == f"Set vars.version to {fix}."


def test_name_and_version_are_both_checked():
    assert len(problems("MusicNER", "1_0")) == 2
