"""What is known: the lexicon and the axes, how their names are found in captions, and the labels that follow."""
