"""Logits and labels in, figures out: metrics, calibration errors, calibrators."""
