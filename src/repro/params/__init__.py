"""What decides a result: params.yaml and the presets, as typed records."""

from repro.params.reading import load as load
from repro.params.study import Params as Params
