"""The encoder: Longformer, RoBERTa and BERT in one, and its Hugging Face checkpoints."""
