"""`model-store explain`: show which words of a text speak for its label."""

import sys
from pathlib import Path

import click

from model_store.cli.data_dir_option import data_dir_option


@click.command(short_help="Show which words of a text speak for its label.")
@click.argument("text")
@click.option(
    "--model",
    metavar="TAG",
    help="A version, such as sentiment-cnn:0123456789abcdef. By default, the model that ships.",
)
@click.option(
    "--control",
    metavar="NAME",
    help="The control of the labeling config whose labels are asked for. By default, the labels of "
    "the model that ships.",
)
@data_dir_option
def explain(*, text: str, model: str | None, control: str | None, data_dir: Path) -> None:
    """Classify TEXT, and show which words speak for its label and which against it.

    The words that weigh most are green where they speak for the label, and red where they speak
    against it. All weights and the bias sum to the log-odds of the label. TEXT is - for standard
    input.
    """
    from model_store import artifact, store
    from model_store.model.evidence import cut
    from model_store.serving.data_dir import use_store

    use_store(data_dir)
    tag, directory = store.find_or_shipped(model or None)
    classifier = artifact.load(directory, device="cpu")
    if control is not None:
        if control not in classifier.heads:
            known = ", ".join(classifier.heads) or "none"
            raise click.BadParameter(
                f"{tag} was not trained for {control!r}; its controls: {known}.",
                param_hint="--control",
            )
        classifier = classifier.for_control(control)
    if text == "-":
        text = sys.stdin.buffer.read().decode(errors="replace")
    (found,) = classifier.classify([text], with_evidence=True)
    evidence = found.evidence
    assert evidence is not None  # Every artifact can tell.
    spans = evidence.spans()
    # click removes the colours where none can be seen.
    parts = cut(text, spans)
    click.echo("".join(click.style(part, fg=_color_of(weight)) for part, weight in parts))
    click.echo(f"\n{found.label}, score {found.score:.3f} ({tag})")
    against = f" against {evidence.against}" if evidence.against else ""
    click.echo(f"log-odds{against}: {evidence.log_odds:+.2f}")
    for span in sorted(spans, key=lambda each: -abs(each.weight)):
        words = " ".join(text[span.start : span.end].split())
        click.echo(f"  {span.weight:+.2f}  {words}")
    click.echo(f"  {evidence.rest(spans):+.2f}  all other words\n  {evidence.bias:+.2f}  bias")


def _color_of(weight: float) -> str | None:
    if not weight:
        return None
    return "green" if weight > 0 else "red"
