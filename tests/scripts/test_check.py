import pytest


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("MusicNER", "0.3.0", "Setvars.nametolettersatoz"),
        ("", "0.3.0", "Setvars.nametolettersatoz"),
        ("music_ner", "1.0 beta", "Setvars.versionto1.0.0"),
    ],
)
def test_a_name_or_a_version_that_no_package_can_have_ends_the_command(
    run_script, name, version, message
):
    process = run_script("check", "en", "--name", name, "--version", version)
    assert process.returncode == 1
    assert message in "".join(process.stdout.split())


def test_what_the_package_will_be_called_is_said(run_script):
    process = run_script("check", "en", "--name", "my_music", "--version", "1.0")
    assert process.returncode == 0
    assert "en_my_music1.0" in "".join(process.stdout.split())
