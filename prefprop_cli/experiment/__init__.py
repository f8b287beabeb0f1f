"""From a configuration to backbone, method, head and data: the place that knows all names."""
