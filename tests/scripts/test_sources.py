import hashlib
import json

import pytest

from scripts.sources import main

NOTHING = {"csv": "", "bio": "", "train_bio": "", "test_bio": "", "catalogue": ""}


@pytest.fixture
def data(tmp_path):
    for name in ("a.csv", "b.csv", "gold.bio", "test.bio", "names.jsonl"):
        (tmp_path / name).write_text(json.dumps({"artist": name, "works": []}))
    return tmp_path


def test_paths_and_hashes_are_noted_in_the_order_named(data):
    output = data / "corpus" / "sources.json"
    csv = f"{data / 'b.csv'},{data / 'a.csv'}"
    main(
        output,
        csv=csv,
        bio=str(data / "gold.bio"),
        train_bio="",
        test_bio=str(data / "test.bio"),
        catalogue=str(data / "names.jsonl"),
    )

    def note(name):
        content = (data / name).read_bytes()
        return {"path": str(data / name), "sha256": hashlib.sha256(content).hexdigest()}

    assert json.loads(output.read_text()) == {
        "csv": [note("b.csv"), note("a.csv")],
        "bio": [note("gold.bio")],
        "train_bio": [],
        "test_bio": [note("test.bio")],
        "data": [],
        "train_data": [],
        "test_data": [],
        "catalogue": [note("names.jsonl")],
    }


def test_the_note_changes_with_a_files_content_and_only_then(data):
    notes = []
    for content in ("one", "one", "two"):
        (data / "a.csv").write_text(content)
        main(data / "sources.json", **NOTHING | {"csv": str(data / "a.csv")})
        notes.append((data / "sources.json").read_bytes())
    assert notes[0] == notes[1] != notes[2]


@pytest.mark.parametrize("kind", list(NOTHING))
def test_a_file_that_is_not_there_ends_the_command_and_is_named(data, kind, capsys):
    chosen = NOTHING | {"csv": str(data / "a.csv")}
    chosen[kind] += f",{data / 'gone.bio'}"
    with pytest.raises(SystemExit) as stop:
        main(data / "sources.json", **chosen)
    said = "".join(capsys.readouterr().out.split())
    assert stop.value.code == 1
    assert f"vars.{kind}:" in said
    assert "gone.biodoesnotexist" in said
    assert not (data / "sources.json").exists()


def test_a_folder_is_no_file(data):
    with pytest.raises(SystemExit):
        main(data / "sources.json", **NOTHING | {"csv": str(data)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"artist": "Sade", "works": []}\n["Halo"]\n', "names.jsonl, line 2:"),
        (b'{"artist": "Sade", "works": []}\n{"artist": \n', "names.jsonl, line 2:"),
        ('{"artist": "Beyonc\xe9", "works": []}'.encode("cp1252"), "names.jsonl, line 1:"),
    ],
)
def test_a_file_that_holds_no_names_ends_the_command_and_is_named(data, capsys, content, message):
    (data / "names.jsonl").write_bytes(content)
    chosen = NOTHING | {"bio": str(data / "gold.bio"), "catalogue": str(data / "names.jsonl")}
    with pytest.raises(SystemExit) as stop:
        main(data / "sources.json", **chosen)
    assert stop.value.code == 1
    said = "".join(capsys.readouterr().out.split())
    assert "names.jsonlisnotafileofnames" in said
    assert "".join(message.split()) in said
    assert not (data / "sources.json").exists()


@pytest.mark.parametrize("test_bio", ["", "test.bio"])
def test_nothing_to_train_on_ends_the_command(data, test_bio, capsys):
    with pytest.raises(SystemExit) as stop:
        test_bio = test_bio and str(data / test_bio)
        main(data / "sources.json", **NOTHING | {"test_bio": test_bio})
    assert stop.value.code == 1
    assert "vars.csv,vars.bioandvars.dataareallempty" in "".join(capsys.readouterr().out.split())


def test_the_command_takes_empty_lists_as_project_yml_gives_them(data, run_script):
    arguments = [data / "sources.json", "--csv", "", "--bio", data / "gold.bio"]
    arguments += ["--train-bio", "", "--test-bio", ""]
    assert run_script("sources", *arguments).returncode == 0
    sources = json.loads((data / "sources.json").read_text())
    assert [len(sources[kind]) for kind in ("csv", "bio", "train_bio", "test_bio")] == [0, 1, 0, 0]
