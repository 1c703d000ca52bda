"""One fresh draw of the simulator, from raw file to trained models, in one go."""

from repro import process

process.prepare()

import argparse  # noqa: E402

from repro import params  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.stages import prepare, series, simulate, text, train  # noqa: E402


def main() -> None:
    """Do for a data set of datasets.fresh what the stages of others do one by one.

    Nothing else uses its files, so that stages of their own would only cost time.

    Raises:
        ValueError: there is no such draw.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("draw")
    name, settings = parser.parse_args().draw, params.load()
    known = settings.datasets.fresh
    if name not in known:
        raise ValueError(f"params.yaml: datasets: {unknown('fresh draw', name, known)}")
    simulate.main([name])
    prepare.main([name])
    series.main([name])
    text.main([name, settings.encoder])
    train.main([f"draws/{name}"])


if __name__ == "__main__":
    process.run_stage(main)
