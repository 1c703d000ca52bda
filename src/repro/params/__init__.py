"""What decides a result: params.yaml and the presets, as typed records."""

from repro.params.study import Params as Params
from repro.params.study import load as load
