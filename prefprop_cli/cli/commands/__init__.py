"""A module for each command: its options, its help, its body; imports are light."""
