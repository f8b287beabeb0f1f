"""What the paper is about: attention, the encoder and the methods; tensors in, tensors out."""
