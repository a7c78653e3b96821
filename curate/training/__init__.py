"""Captions that the project wrote for training its small models, and the scripts that fit them."""
