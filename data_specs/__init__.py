"""One YAML a dataset: where its files lie and what they mean. Read by `avfake.datasets`."""
