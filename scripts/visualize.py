"""Show gold and predicted entities side by side, as a displaCy page."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

import spacy
import srsly
import typer
from spacy import displacy
from spacy.displacy.templates import TPL_ENT
from spacy.tokens import Doc, DocBin
from wasabi import msg

from music_ner import provenance
from music_ner.command import run_command
from music_ner.evaluation.scores import comparable_tags, entity_spans
from music_ner.files import written_whole

TEMPLATE = TPL_ENT.replace("{label}", "{label} {confidence}")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem;
  color: #222; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; table-layout: fixed; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.4rem 0.8rem;
  border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }}
th {{ position: sticky; top: 0; background: #fff; }}
tr.wrong td:first-child {{ border-left: 4px solid #d62828; }}
tr.right td:first-child {{ border-left: 4px solid #2a9d8f; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
<table>
<thead><tr><th>Gold</th><th>Predicted</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def render_entities(doc: Doc) -> str:
    """RETURNS (str): displaCy's markup of a doc's entities, one colour a label, with confidence."""
    options = {"template": TEMPLATE}
    entities = [
        {
            "start": ent.start_char,
            "end": ent.end_char,
            "label": escape(ent.label_),
            "params": {"confidence": "" if (c := ent._.confidence) is None else f"{c:.2f}"},
        }
        for ent in doc.ents
    ]
    # Given a Doc without entities, displaCy warns; here such queries belong on the page.
    manual = [{"text": doc.text, "ents": entities, "title": None}]
    return displacy.render(manual, style="ent", manual=True, jupyter=False, options=options)


def render_page(pairs: Iterable[tuple[Doc, Doc]], title: str, description: str) -> str:
    """Lay gold and predicted entities side by side, queries with errors first.

    pairs (Iterable[tuple[Doc, Doc]]): Gold and predicted doc of each query.
    title (str): Title of the page.
    description (str): What the predictions come from.
    RETURNS (str): A page of HTML that needs no other file.
    """
    wrong, right = [], []
    for gold, predicted in pairs:
        gold_tags, predicted_tags = comparable_tags(gold, entity_spans(predicted))
        is_right = gold_tags == predicted_tags
        cells = f"<td>{render_entities(gold)}</td><td>{render_entities(predicted)}</td>"
        kind = "right" if is_right else "wrong"
        (right if is_right else wrong).append(f'<tr class="{kind}">{cells}</tr>')
    summary = (
        f"{len(wrong)} queries with an error (first, red edge), {len(right)} without one "
        f"(green edge). {description}"
    )
    return PAGE.format(title=escape(title), summary=escape(summary), rows="\n".join(wrong + right))


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus_path: Path = typer.Argument(..., help="Corpus with gold entities", exists=True),
    encoder_path: Path = typer.Argument(..., help="JSON file written by encoder", exists=True),
    output_path: Path = typer.Argument(..., help="HTML file to write"),
) -> None:
    """Write a displaCy page of gold and predicted entities."""
    nlp = spacy.load(model)
    gold = list(DocBin().from_disk(corpus_path).get_docs(nlp.vocab))
    predicted = nlp.pipe(doc.text for doc in gold)
    encoder = srsly.read_json(encoder_path)
    facts = {**provenance.of_corpora(corpus_path.parent), "encoder": encoder}
    for problem, fix in provenance.contradictions(nlp.config, **facts):
        msg.fail(f"{model} was {problem}", fix, exits=1)
    title = f"Gold and predicted entities of {corpus_path.name}"
    page = render_page(zip(gold, predicted, strict=True), title, f"Encoder: {encoder['name']}.")
    with written_whole(output_path) as path:
        path.write_text(page, encoding="utf8")
    msg.good(f"displaCy page of {len(gold)} queries: {output_path}")


if __name__ == "__main__":
    run_command(main)
