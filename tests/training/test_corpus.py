import random
from collections import Counter

import spacy
import srsly
import torch
from spacy import registry
from spacy.tokens import DocBin
from transformers import AutoModel

from music_ner.evaluation.scores import entity_spans


def texts_of(corpus, nlp):
    return [example.reference.text for example in corpus(nlp)]


def test_a_corpus_is_read_in_another_order_each_time_and_whole(tiny_corpus):
    corpus = registry.readers.get("music_ner.Corpus.v1")(tiny_corpus / "train.spacy", 3, None)
    nlp = spacy.blank("en")
    random.seed(0)
    first, second = texts_of(corpus, nlp), texts_of(corpus, nlp)
    assert first != second
    assert sorted(first) == sorted(second)
    stored = DocBin().from_disk(tiny_corpus / "train.spacy").get_docs(nlp.vocab)
    assert sorted(first) == sorted(doc.text for doc in stored)


def test_queries_are_repeated_beside_a_supplement(tmp_path):
    nlp = spacy.blank("en")
    docs = [nlp(text) for text in ("upbeat funk", "more like korn", "dark ambient")]
    docs[1].user_data["supplement"] = True
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    corpus = registry.readers.get("music_ner.Corpus.v1")(tmp_path / "train.spacy", 3, None)
    assert Counter(texts_of(corpus, nlp)) == {
        "upbeat funk": 3,
        "more like korn": 1,
        "dark ambient": 3,
    }


def test_a_corpus_is_augmented_anew_each_time(tiny_corpus, tmp_path):
    record = {"artist": "Nobody Else", "works": ["One Title", "Another Title"]}
    srsly.write_jsonl(tmp_path / "names.jsonl", [record])
    mentions = registry.augmenters.get("music_ner.mentions.v2")(
        names=[str(tmp_path / "names.jsonl")],
        corpus=None,
        level=0.5,
        share_of_names=1.0,
        signs=0.0,
    )
    corpus = registry.readers.get("music_ner.Corpus.v1")(tiny_corpus / "train.spacy", 1, mentions)
    random.seed(0)
    first, second = (sorted(texts_of(corpus, spacy.blank("en"))) for _ in range(2))
    assert first != second
    assert any("another title" in text for text in first)


def test_training_leaves_the_vectors_of_word_pieces_as_they_were(tiny_bert, tiny_model):
    before = AutoModel.from_pretrained(tiny_bert).state_dict()
    after = spacy.load(tiny_model).get_pipe("transformer").model.transformer.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert "embeddings.word_embeddings.weight" in same
    assert not any(name.startswith("encoder.") and name.endswith("weight") for name in same)


def test_training_with_one_seed_gives_the_same_entities(tiny_model, tiny_corpus):
    nlp = spacy.load(tiny_model)
    gold = list(DocBin().from_disk(tiny_corpus / "test.spacy").get_docs(nlp.vocab))
    assert [entity_spans(nlp(doc.text)) for doc in gold] == [entity_spans(doc) for doc in gold]
