"""Configuration: schema, layered loading with located errors, presets."""
