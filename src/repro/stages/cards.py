"""Write docs/cards/: what each simulated data set and each checkpoint is."""

from repro import process

process.prepare()

from repro import params, paths  # noqa: E402
from repro.documents.data_cards import data_cards  # noqa: E402
from repro.documents.model_cards import model_cards  # noqa: E402
from repro.files import write_text  # noqa: E402


def main() -> None:
    """Read params and the runs of Table 3, write a card for each."""
    loaded = params.load()
    for name, text in {**data_cards(loaded), **model_cards(loaded)}.items():
        write_text(paths.CARDS / f"{name}.md", text)


if __name__ == "__main__":
    process.run_stage(main)
