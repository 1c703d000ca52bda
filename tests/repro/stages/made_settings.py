"""Changes of the settings in the working directory."""

from ruamel.yaml import YAML

from repro import paths


def configure(dataset: str, **changes: object) -> None:
    """Change what the settings in the working directory say of a set of a folder."""
    yaml = YAML()
    content = yaml.load(paths.PARAMS)
    content["datasets"]["folders"][dataset].update(changes)
    yaml.dump(content, paths.PARAMS)
