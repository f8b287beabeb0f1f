"""A finished run from Python, as the cells of a notebook: python examples/notebook.py RUN"""

# %% A run: its labels, its configuration, its trainable parameters
import sys

from prefprop_cli import load_run

run = load_run(sys.argv[1])
config = run.adapter.config
print(f"{config.method.name} on {config.model.backbone}, classes {', '.join(run.labels)}")
print(f"{sum(p.numel() for p in run.model.method.parameters()):,} trainable parameters of prefix")

# %% Predictions: a record for each text, in order; probabilities are calibrated
texts = ["A first document, which may be thousands of words long.", "A second one."]
for record in run.predict(texts):
    print(f"{record.label} {record.prob:.3f}, {record.n_tokens} tokens, cut: {record.truncated}")
