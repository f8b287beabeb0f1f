"""The attention backends that can be tested on this machine's CPU, forward and backward."""

from prefprop_cli.core.attention import BACKENDS

ON_CPU = [
    name for name, backend in BACKENDS.items() if "cpu" in backend.devices and not backend.why_not()
]
