"""Catalogues that several processes publish and read."""

from concurrent.futures import ThreadPoolExecutor

from music_ner.pipeline.catalogue.component import Catalogue
from music_ner.service.catalogues import CatalogueStore, rows_of_csv, rows_of_json, update

REPORT = {"taken": 1}


def catalogue_of(number: int) -> Catalogue:
    catalogue = Catalogue("catalogue")
    catalogue.add(artists=[f"Artist {n}" for n in range(number)])
    return catalogue


def test_readers_find_a_whole_catalogue_while_others_publish(tmp_path):
    def publish(number: int) -> None:
        CatalogueStore(tmp_path).publish(catalogue_of(number), {"taken": number})

    def read(_) -> int:
        catalogue, store = Catalogue("catalogue"), CatalogueStore(tmp_path)
        store.load(catalogue)
        assert store.report()
        return len(catalogue)

    publish(1)
    with ThreadPoolExecutor(8) as pool:
        published = [pool.submit(publish, number) for number in range(1, 30)]
        found = list(pool.map(read, range(100)))
        for future in published:
            future.result()
    assert set(found) <= set(range(1, 30))
    store = CatalogueStore(tmp_path)
    last = Catalogue("catalogue")
    assert store.load(last) == store.version()
    assert store.report() == {"taken": len(last)}
    assert len(list(tmp_path.glob("catalogue-*"))) <= 2


def test_before_any_upload_there_is_no_version(tmp_path):
    store = CatalogueStore(tmp_path)
    assert (store.version(), store.report()) == (None, None)


def test_csv_and_json_are_read_alike():
    table = b"artist,work,genre\nSade,By Your Side,soul\n,Dummy,\n"
    records = b'[{"artist": "Sade", "work": "By Your Side", "genre": "soul"}, {"work": "Dummy"}]'
    of_csv, of_json = Catalogue("a"), Catalogue("b")
    assert update(of_csv, *rows_of_csv(table)) == update(of_json, *rows_of_json(records))
    assert of_csv.to_bytes() == of_json.to_bytes()


def test_what_is_rejected_is_listed_up_to_a_number_and_counted():
    names = b"artist,work\n" + b"***,!!!\n" * 1_000 + b"Sade,\n"
    catalogue = Catalogue("catalogue")
    report = update(catalogue, *rows_of_csv(names))
    assert (report["taken"], report["artists"], report["n_rejected"]) == (1, 1, 2_000)
    assert len(report["rejected"]) == 1_000
    assert report["rejected"][1] == {
        "row": 2,
        "name": "!!!",
        "reason": "no letters or digits, or in the place of a name",
    }
