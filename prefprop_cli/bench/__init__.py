"""Speed and memory of the encoder, beside the same weights in `transformers`."""
