"""How to weight the KL term of a variational auto-encoder, answered for your model and your data."""

__version__ = "0.1.0"
