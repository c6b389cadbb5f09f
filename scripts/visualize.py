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
from music_ner.evaluation.predictions import row_of
from music_ner.evaluation.scores import ERRORS, comparable_tags, entity_spans, report
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
tr.wrong th {{ border-left: 4px solid #d62828; }}
tr.right th {{ border-left: 4px solid #2a9d8f; }}
tbody th, thead th:first-child {{ width: 9rem; font-weight: normal; font-size: 0.85rem; }}
tr[hidden] {{ display: none; }}
form {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }}
input, select {{ font: inherit; padding: 0.3rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{summary}</p>
<form>
<label>Search <input type="search" id="search" placeholder="text or id"></label>
<label>Show <select id="kind"><option value="">all queries</option>{kinds}</select></label>
<output id="count"></output>
</form>
<table>
<thead>
<tr><th scope="col">Id</th><th scope="col">Gold</th><th scope="col">Predicted</th></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>
<script>
const rows = [...document.querySelectorAll("tbody tr")];
const [search, kind] = ["search", "kind"].map((id) => document.getElementById(id));
function filter() {{
  const words = search.value.trim().toLowerCase();
  for (const row of rows) {{
    const kinds = row.dataset.kinds.split(",");
    const isFound = row.textContent.toLowerCase().includes(words);
    row.hidden = !isFound || (kind.value && !kinds.includes(kind.value));
  }}
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("count").textContent = `${{shown}} of ${{rows.length}}`;
}}
document.querySelector("form").addEventListener("input", filter);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
filter();
</script>
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
        row = row_of(gold, predicted)
        kinds = {e["kind"] for side in ("gold", "predicted") for e in row[side] if e["kind"]}
        kinds = {"right"} if is_right else kinds - {"right"}
        query_id = escape(row["id"])
        cells = (
            f'<th scope="row">{query_id}</th>'
            f"<td>{render_entities(gold)}</td><td>{render_entities(predicted)}</td>"
        )
        kind = "right" if is_right else "wrong"
        opening = f'<tr class="{kind}" id="{query_id}" data-kinds="{",".join(sorted(kinds))}">'
        (right if is_right else wrong).append(f"{opening}{cells}</tr>")
    summary = (
        f"{len(wrong)} queries with an error (first, red edge), {len(right)} without one "
        f"(green edge). {description}"
    )
    return PAGE.format(
        title=escape(title),
        summary=escape(summary),
        kinds="".join(f'<option value="{kind}">{kind}</option>' for kind in ERRORS),
        rows="\n".join(wrong + right),
    )


def scores_of(pairs: Iterable[tuple[Doc, Doc]]) -> str:
    """RETURNS (str): F1 by whitespace word of all entities and of each label."""
    tags = [comparable_tags(gold, entity_spans(predicted)) for gold, predicted in pairs]
    gold_tags, predicted_tags = zip(*tags, strict=True)
    rows = report(gold_tags, predicted_tags)
    named = {name: row for name, row in rows.items() if not name.endswith(" avg")}
    scores = {"micro F1": rows["micro avg"], **named}
    return ", ".join(f"{name} {row['f1-score']:.3f}" for name, row in scores.items())


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    corpus_path: Path = typer.Argument(..., help="Corpus with gold entities", exists=True),
    encoder_path: Path = typer.Argument(..., help="JSON file written by encoder", exists=True),
    output_path: Path = typer.Argument(..., help="HTML file to write"),
) -> None:
    """Write a displaCy page of gold and predicted entities."""
    nlp = spacy.load(model)
    gold = list(DocBin().from_disk(corpus_path).get_docs(nlp.vocab))
    predicted = list(nlp.pipe(doc.text for doc in gold))
    encoder = srsly.read_json(encoder_path)
    facts = {**provenance.of_corpora(corpus_path.parent), "encoder": encoder}
    for problem, fix in provenance.contradictions(nlp.config, **facts):
        msg.fail(f"{model} was {problem}", fix, exits=1)
    title = f"Gold and predicted entities of {corpus_path.name}"
    pairs = list(zip(gold, predicted, strict=True))
    package = f"{nlp.lang}_{nlp.meta['name']} {nlp.meta['version']}"
    description = f"Predicted by {package}: {scores_of(pairs)}. Encoder: {encoder['name']}."
    page = render_page(pairs, title, description)
    with written_whole(output_path) as path:
        path.write_text(page, encoding="utf8")
    msg.good(f"displaCy page of {len(gold)} queries: {output_path}")


if __name__ == "__main__":
    run_command(main)
