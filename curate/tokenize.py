"""Word segmentation: jieba with the lexicon's words, in an instance of its own.

jieba's module-level functions share one dictionary for the whole process, so one recipe's words would leak
into the next; each ``Tokenizer`` holds its own. ``rjieba`` (the same algorithm in Rust) is used where it is
installed; ``tests/unit/test_tokenize.py`` proves that both give the same words.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from curate.text import HAN

Backend = Literal["auto", "jieba", "rjieba"]
# High enough that a lexicon word beats any split of it into dictionary words.
WORD_FREQ = 200_000
_HAN_ONLY = re.compile(f"[{HAN}]{{2,8}}")
WORD = r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*|\d+(?:[.,]\d+)*"
_WORD = re.compile(WORD, re.UNICODE)
_KEEP = re.compile(r"\w", re.UNICODE)
# Ends a caption among the words of many; no word holds it.
_LINE = "\x1e"


class _Known(dict[str, str]):
    """What each piece becomes: a word in small letters, or nothing."""

    def __missing__(self, piece: str) -> str:
        self[piece] = word = piece.lower() if _KEEP.search(piece) else ""
        return word


class Tokenizer:
    """Split Chinese and English captions into words.

    Args:
        words: Chinese words that must stay whole (2 to 8 Han characters; others are ignored).
        backend: ``rjieba``, ``jieba``, or ``auto`` (rjieba if installed).
    """

    def __init__(self, words: Iterable[str] = (), backend: Backend = "auto") -> None:
        self.words = tuple(sorted({w for w in words if _HAN_ONLY.fullmatch(w)}))
        self._cut, self._has = _make_cut(self.words, backend)

    def has(self, word: str) -> bool:
        """Say whether the dictionary holds a word."""
        return self._has(word)

    def cut(self, text: str) -> list[str]:
        """Return the pieces of a text, nothing left out, so that their lengths add up to its length."""
        return self._cut(text)

    def zh(self, text: str) -> list[str]:
        """Return the words of a Chinese caption, punctuation left out.

        Args:
            text: simplified, normalized text.

        Example:
            >>> Tokenizer(["龙舟竞渡"]).zh("江面上龙舟竞渡。")
            ['江面', '上', '龙舟竞渡']
        """
        return [w.lower() for w in self._cut(text) if _KEEP.search(w)]

    def zh_lines(self, texts: Sequence[str]) -> list[str]:
        """Return the words of many captions, those of each joined by line feeds: ``zh`` of each, in half the time.

        Args:
            texts: simplified, normalized texts.

        Example:
            >>> Tokenizer().zh_lines(["男孩放风筝。", "", "！"])
            ['男孩\\n放风筝', '', '']
        """
        # A line feed is a piece of its own, so all captions are cut as one text; each distinct piece is looked at once.
        known = _Known({"\n": _LINE})
        pieces = self._cut("\n".join([t.replace("\r", " ").replace("\n", " ") for t in texts]))
        whole = "\n".join(filter(None, map(known.__getitem__, pieces)))
        return [line.strip("\n") for line in whole.split(_LINE)] if texts else []

    def en(self, text: str) -> list[str]:
        """Return the lower-cased words and numbers of an English or French caption.

        Args:
            text: normalized text.

        Example:
            >>> Tokenizer(backend="jieba").en("A woman's Ming-style hat, 1610.")
            ['a', "woman's", 'ming-style', 'hat', '1610']
        """
        return [w.lower() for w in _WORD.findall(text)]


def _make_cut(words: tuple[str, ...], backend: Backend) -> tuple[Callable[[str], list[str]], Callable[[str], bool]]:
    if backend in ("auto", "rjieba"):
        try:
            import rjieba
        except ImportError:
            if backend == "rjieba":
                raise
        else:
            fast = rjieba.Jieba()
            for word in words:
                fast.add_word(word, WORD_FREQ, None)
            return lambda text: list(fast.cut(text, True)), lambda word: bool(fast.has_word(word))
    with warnings.catch_warnings():
        # jieba 0.42.1 has invalid escapes that Python 3.12+ warns about.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        import jieba
    jieba.setLogLevel(logging.WARNING)
    own = jieba.Tokenizer()
    own.initialize()
    for word in words:
        own.add_word(word, WORD_FREQ)
    return lambda text: list(own.cut(text, HMM=True)), lambda word: bool(own.FREQ.get(word))
