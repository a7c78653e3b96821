"""Leishu: curate bilingual video-text data that covers Chinese history and culture."""

__version__ = "0.1.0"
