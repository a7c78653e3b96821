"""What two captions of one language say in words of their own: everyday synonyms, endings and numbers in another writing are no difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from curate.data import data_path
from curate.duplicates.decisive import KINDS, STOP, alike, load_opposites
from curate.duplicates.numbers import numbers
from curate.duplicates.roles import stem
from curate.knowledge.tsv import cells, read_tsv

# Characters that carry grammar and not content.
GRAMMAR = frozenset(
    "群队代朝些点面边头子儿间处时候位名座幅件张枚颗把双副届那样种番回次遍趟场的了着在正把将于以用给为与和里中上下到地得被由从向对位名个一只条着过去来起出进成又也都就很是有们之其这那"
)
_LONGEST = 5


@dataclass(frozen=True)
class Synonyms:
    """Forms of everyday words and the groups that each belongs to; English by stems."""

    zh: dict[str, frozenset[int]]
    en: dict[str, frozenset[int]]


@lru_cache(maxsize=2)
def load_synonyms(path: Path | None = None) -> Synonyms:
    """Read ``lexicons/synonyms.tsv``.

    Args:
        path: the file; the shipped one if ``None``.
    """
    zh, en = dict[str, set[int]](), dict[str, set[int]]()
    for number, row in read_tsv(path or data_path("lexicons") / "synonyms.tsv"):
        for form in cells(row["zh"]):
            zh.setdefault(form, set()).add(number)
        for form in cells(row["en"]):
            en.setdefault(" ".join(map(stem, form.lower().replace("-", " ").split())), set()).add(number)
    return Synonyms(*({k: frozenset(v) for k, v in d.items()} for d in (zh, en)))


def with_digits(text: str, lang: str) -> str:
    """Write the numbers of a text in digits.

    Args:
        text: normalized text.
        lang: ``zh`` or ``en``.

    Example:
        >>> with_digits("二十八位鼓手第三次登台", "zh"), with_digits("Twenty-eight drummers", "en")
        ('28位鼓手第3次登台', '28 drummers')
    """
    out, last = list[str](), 0
    for n in numbers(text, lang):
        said = text[n.start : n.end]
        # A pair of things is not spelled like two of them.
        if (lang == "zh" and text[n.end : n.end + 1] in tuple("对對双雙")) or said.lower() in ("both", "a pair of", "a couple of"):
            continue
        rank = n.kind == "ordinal" and n.words
        out += [
            text[last : n.start],
            f"第{n.value}" if rank and lang == "zh" and said[0] == "第" else f"{n.value}th" if rank and lang == "en" else n.value,
        ]
        if n.kind == "ordinal" and not n.words:
            out[-1] = f"第{n.value}" if said[0] == "第" else f"{n.value}th" if lang == "en" else n.value
        last = n.end
    return "".join(out) + text[last:]


def own(a: str, b: str, lang: str) -> tuple[list[str], list[str]]:
    """Return the words (Chinese: runs of characters) that each of two texts has for itself.

    Args:
        a: comparison key of one caption.
        b: comparison key of the other.
        lang: ``zh`` or ``en``.

    Example:
        >>> own("小和尚偷偷把糖放进袖子里", "小和尚悄悄把糖塞进袖子里", "zh")
        ([], [])
        >>> own("an old man slowly plays the erhu", "the old man gently plays a flute", "en")
        (['slowly', 'erhu'], ['gently', 'flute'])
    """
    return _own_zh(a, b) if lang == "zh" else _own_en(a, b)


def _groups(units: Sequence[str], forms: dict[str, frozenset[int]], joint: str) -> list[tuple[int, int, frozenset[int]]]:
    """Return the known forms of a text: start, end, groups."""
    out = []
    for i in range(len(units)):
        for size in range(min(_LONGEST, len(units) - i), 0, -1):
            found = forms.get(joint.join(units[i : i + size]))
            if found:
                out.append((i, i + size, found))
    return out


def _said_alike(a: Sequence[str], b: Sequence[str], lang: str) -> tuple[set[int], set[int]]:
    """Return the places of words that the other text says by a synonym."""
    synonyms = load_synonyms()
    forms, joint = (synonyms.zh, "") if lang == "zh" else (synonyms.en, " ")
    mine, yours = _groups(a, forms, joint), _groups(b, forms, joint)
    here = frozenset[int]().union(*(g for _, _, g in mine))
    there = frozenset[int]().union(*(g for _, _, g in yours))
    both = here & there
    return tuple({k for s, e, g in found if g & both for k in range(s, e)} for found in (mine, yours))  # type: ignore[return-value]


def _own_zh(a: str, b: str) -> tuple[list[str], list[str]]:
    alike_a, alike_b = _said_alike(a, b, "zh")
    out = []
    for text, other, known in ((a, b, alike_a), (b, a, alike_b)):
        left = {c: other.count(c) for c in set(other)}
        runs, run = list[str](), ""
        for i, char in enumerate(text):
            have = left.get(char, 0)
            left[char] = have - 1
            if have > 0 or i in known or char in GRAMMAR or char == " ":
                runs, run = ([*runs, run] if run else runs), ""
            else:
                run += char
        out.append([*runs, run] if run else runs)
    return out[0], out[1]


def _own_en(a: str, b: str) -> tuple[list[str], list[str]]:
    x, y = a.split(), b.split()
    alike_a, alike_b = _said_alike(list(map(stem, x)), list(map(stem, y)), "en")
    out = []
    for words, other, known in ((x, y, alike_a), (y, x, alike_b)):
        others = set(other)
        out.append(
            [
                w
                for i, w in enumerate(words)
                if i not in known and w not in STOP and w not in others and not any(alike(w, v) for v in others if v not in STOP)
            ]
        )
    return out[0], out[1]


def opposed(a: str, b: str, mine: Sequence[str], yours: Sequence[str], lang: str) -> int:
    """Count the groups of words that exclude each other of which each of two texts names another one.

    Args:
        a: normalized text.
        b: another.
        mine: words of the first alone.
        yours: words of the second alone.
        lang: ``zh`` or ``en``.
    """
    named = [dict[str, set[str]](), dict[str, set[str]]()]
    for found, text in zip(named, (a, b), strict=True):
        for group, keys, _, _ in load_opposites().find_sets(text, lang):
            found.setdefault(group, set()).update(keys)
    count = sum(g != "number" and not keys & named[1].get(g, keys) for g, keys in named[0].items())
    if lang == "zh":
        x, y = set("".join(mine)), set("".join(yours))
        count += sum(bool(x & set(kind)) and bool(y & set(kind)) for kind in KINDS)
    return count
