"""The papers: data, features, models, training, tables and figures."""
