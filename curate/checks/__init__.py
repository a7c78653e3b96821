"""Checks of captions: anachronism, cross-culture confusion, zh/en mismatch, sensitive topics.

Each check is a pure function from a reading of the caption pair to flags. A flag explains itself in both languages; only
well-founded ones are errors, the rest go to a person.
"""
