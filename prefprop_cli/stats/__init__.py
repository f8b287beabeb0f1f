"""Intervals and tests for figures of a limited number of documents and seeds."""
