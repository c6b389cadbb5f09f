import pytest
import srsly

from scripts.behaviour import main


@pytest.fixture
def folder(tmp_path):
    """Behaviour tests of which the tiny pipeline passes some."""
    folder = tmp_path / "behaviour"
    folder.mkdir()
    (folder / "nothing.txt").write_text("calm piano\n")
    (folder / "unknown.txt").write_text("so [zzyzx](WoA) [qwx](Artist)\n")
    return folder


def test_pass_rates_are_written_and_shown(tiny_model, folder, tmp_path, capsys):
    main(tiny_model, folder, tmp_path / "behaviour.json", overall=0.0, capability=0.0)
    written = srsly.read_json(tmp_path / "behaviour.json")
    assert list(written["rates"]) == ["nothing", "unknown", "all"]
    assert all(not outcome["passed"] for outcome in written["failed"])
    n_failed = sum(row["tests"] * (1 - row["passed"]) for row in written["rates"].values())
    assert len(written["failed"]) == pytest.approx(n_failed / 2)
    assert "unknown" in capsys.readouterr().out


def test_the_command_fails_below_a_bound_and_still_writes_the_rates(
    tiny_model, folder, tmp_path, capsys
):
    path = tmp_path / "behaviour.json"
    with pytest.raises(SystemExit) as stop:
        main(tiny_model, folder, path, overall=0.0, capability=1.0)
    assert stop.value.code == 1
    assert "unknown:" in capsys.readouterr().out
    rates = srsly.read_json(path)["rates"]
    main(tiny_model, folder, path, overall=rates["all"]["passed"], capability=0.0)
    with pytest.raises(SystemExit):
        main(tiny_model, folder, path, overall=rates["all"]["passed"] + 0.01, capability=0.0)


def test_a_folder_without_tests_ends_the_command(tiny_model, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(tiny_model, tmp_path, tmp_path / "behaviour.json", overall=0.0, capability=0.0)
    assert stop.value.code == 1
    assert "nomarkedqueries" in "".join(capsys.readouterr().out.split())
    assert not (tmp_path / "behaviour.json").exists()
