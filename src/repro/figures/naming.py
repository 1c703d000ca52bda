"""A figure of a paper by name."""

from repro.figures.canvas import Draw
from repro.results.naming import chosen, paper_module, split_name


def figure(name: str) -> Draw:
    """The figure of a name that starts with its paper: btw_figure3.

    Raises:
        ValueError: there is no such paper or no such figure; names the nearest.
    """
    paper, item = split_name(name)
    return chosen(f"figure of {paper}", item, paper_module("figures", paper).FIGURES)
