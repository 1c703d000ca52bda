"""What tests share: a small clone after `make repro`, and a Slurm of one node."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import slurm_node
from tests.pipeline_clone import Clone, small_clone


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A small clone after `make repro`, committed; copy it before changing it.

    Its command without the installation: all stages side by side, and DVC is told.
    """
    made = small_clone(tmp_path_factory.mktemp("finished") / "clone")
    made.run("python -m repro.stages.side_by_side")
    made.commit("Reproduce")
    return made


@pytest.fixture(scope="session")
def at_alpha(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy after `dvc exp run -S alpha=0.3`."""
    made = finished.copy(tmp_path_factory.mktemp("alpha") / "clone")
    output = made.run("dvc exp run -S alpha=0.3")
    (made.path.parent / "output.txt").write_text(output)
    return made


@pytest.fixture(scope="session")
def slurm_conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a real Slurm of one node, started here."""
    if not slurm_node.installed():
        pytest.skip(slurm_node.NEEDS)
    with ExitStack() as stack:
        node = slurm_node.node(tmp_path_factory.mktemp("slurm") / "one")
        try:
            conf = stack.enter_context(node)
        except slurm_node.NoSlurmError as error:
            pytest.skip(str(error))
        yield conf
