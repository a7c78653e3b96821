"""Prompts: gap prompts from a coverage report, localization of generic prompts, packs per target, an evaluation set, a quality score."""
