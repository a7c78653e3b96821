"""Duplicates: keys and signatures, candidate pairs, verification, vetoes and verdicts; and training captions near evaluation prompts."""
