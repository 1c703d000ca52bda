"""Write the data sets with planted interactions, from raw files to features."""

from repro import process

process.prepare()

from repro import params, paths  # noqa: E402
from repro.simulation import interactions  # noqa: E402
from repro.stages import prepare, series, text  # noqa: E402

SIZES = "planted"  # their key in the sizes of the preset


def main() -> None:
    """Simulate, read and standardize every data set of datasets.planted, in one go.

    Raises:
        ValueError: a set has no entry or the preset no sizes.
    """
    settings = params.load()
    sizes = settings.active.simulated[SIZES]
    for name in settings.datasets.planted:
        found = interactions.simulate(settings.interaction_simulation, name, sizes)
        interactions.write(paths.simulated(name), *found)
        prepare.main([name])
        series.main([name])
        text.main([name, settings.encoder])


if __name__ == "__main__":
    process.run_stage(main)
