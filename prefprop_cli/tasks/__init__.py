"""Tasks: tokens → batch → logits → loss; one file each."""
