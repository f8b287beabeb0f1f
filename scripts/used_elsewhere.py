"""What vulture finds unused, and what uses it: the allow-list of `make check`.

Each name has its reason in the heading above it.
"""

# ruff: noqa: B018, F821 - names alone, as vulture wants them

# Named as text in `prefprop_cli.tables`, and imported when it is asked for.
Isotonic, Platt, Vector
Exp, Rbf, Poly
Combined, FineTuning, HeadOnly
BACKEND, TASK

# Read by Python itself.
__getattr__, __dir__

# Called by pydantic.
model_config

# Called by click and Typer.
_.format_commands, _.format_options, prefprop

# Called by xml.sax, tokenizers, huggingface_hub, Optuna and FlexAttention.
_.startElement, _.characters, _.endElement
_.encode_special_tokens
_.update_transfer
_.acquire, _.release, _.sampler
_.mask_mod

# Called by Jinja, in a template.
_.ticks

# Written into JSON by `asdict`, or by the names of fields.
reliability, resolution, uncertainty, within_variance, within_covariance
nll_before, nll_after
tokenizer_sha256, host, truncated

# Part of a key: the cache of a function tells two versions of a file apart by it.
mtime_ns

# For notebooks that have probabilities from elsewhere, and for tests.
_.from_probs

# No text of a user gives it: tests compare.
_.mask_id

# A protocol for mypy.
SetReader
