"""Logits and labels in, figures out: metrics, calibration, intervals, plots."""
