"""How good a prompt is for a video model: what it says, how concretely, whether it fits, whether it contradicts itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate import plain
from curate.data import data_path, read_yaml
from curate.errors import DataError, UsageError, need_extra
from curate.knowledge.tsv import cells, read_tsv
from curate.prompts.pack import Count, _limits, _spec, counter
from curate.stage import Resources

# Concrete terms beyond this add nothing.
ENOUGH_TERMS = 3
# A clause that often says nothing new.
REPEATED = 3


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    raw = read_yaml(Path(__file__).resolve().parent / "quality.yaml")
    if not isinstance(raw, dict):
        raise DataError("quality.yaml: expected a mapping")
    return raw


@lru_cache(maxsize=1)
def _words() -> dict[tuple[str, str], re.Pattern[str]]:
    """Patterns for camera, light and motion from the lexicon's vocabulary."""
    found: dict[tuple[str, str], set[str]] = {}
    for _, row in read_tsv(data_path("lexicons") / "quality.tsv"):
        found.setdefault((row["kind"], row["lang"]), set()).update(cells(row["forms"]))
    cinema = data_path("lexicons") / "cinema.tsv"
    for _, row in read_tsv(cinema) if cinema.exists() else ():
        kind = "light" if row["category"].startswith("light") else "camera" if row["category"] in ("shot-size", "angle", "movement") else ""
        for lang in ("zh", "en") if kind else ():
            found.setdefault((kind, lang), set()).update(cells(row[lang]))
    out = {}
    for (kind, lang), forms in found.items():
        body = "|".join(re.escape(f) for f in sorted(forms, key=len, reverse=True))
        out[(kind, lang)] = re.compile(body if lang == "zh" else rf"\b(?:{body})\b", re.IGNORECASE)
    return out


def tokenizer(path: Path) -> Count:
    """Return a counter that uses a real tokenizer file.

    Args:
        path: ``tokenizer.json`` of the target's text encoder.

    Raises:
        UsageError: the package is missing or the file is no tokenizer.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as e:
        raise need_extra("tokenizers", "st") from e
    if not path.exists():
        raise UsageError(f"no tokenizer at {path}", hint="give the tokenizer.json of the text encoder")
    loaded = Tokenizer.from_file(str(path))
    return lambda text: len(loaded.encode(text).ids)


def fields(text: str, lang: str, has_term: bool, has_era: bool, living: bool = False) -> dict[str, bool]:
    """Say which fields of a good prompt a text fills.

    Args:
        text: the prompt.
        lang: ``zh`` or ``en``.
        has_term: a concrete thing of the lexicon is named.
        has_era: a period is named.
        living: the scene is of today, so no period is missed.
    """
    data, words = _data(), _words()
    motion, camera, light = (words.get((k, lang)) for k in ("motion", "camera", "light"))
    who = r"人|者|女|男|童|兵|匠|僧|师|工|农|官|民|帝|王|将|士|孩|妇|翁|姑娘|龙|塔|殿|桥|山|河" if lang == "zh" else r"\b(an?|some|two|three|the) \w+"
    verb = (
        bool(motion and motion.search(text))
        or bool(re.search(data["action"][lang], text))
        or bool(lang == "zh" and re.search(r"把|着|起|下|出|入|过", text))
    )
    return {
        "subject": bool(re.search(who, text, re.IGNORECASE)) or has_term or bool(re.search(r"[一两三几][只个条把座匹头位名群朵棵辆]", text)),
        "action": verb,
        "place": bool(re.search(data["place"][lang], text, re.IGNORECASE)),
        "period": has_era or living,
        "attire": bool(re.search(data["attire"][lang], text, re.IGNORECASE)),
        "light": bool(light and light.search(text)) or bool(re.search(data["light"][lang], text, re.IGNORECASE)),
        "camera": bool(camera and camera.search(text)),
        "colour": bool(re.search(data["colour"][lang], text, re.IGNORECASE)),
        "style": bool(re.search(data["style"][lang], text, re.IGNORECASE)),
    }


def contradictions(text: str, lang: str) -> list[str]:
    """Return the ids of contradictions within a prompt.

    Example:
        >>> contradictions("正午的阳光下，月光洒满庭院", "zh")
        ['day-night']
    """
    return [c["id"] for c in _data()["contradictions"] if all(re.search(p, text, re.IGNORECASE) for p in c[lang])]


def boilerplate(text: str, lang: str) -> list[str]:
    """Return words that say nothing one can see, and openers that describe the video instead of the scene.

    Example:
        >>> boilerplate("The video shows a stunning temple, 8k", "en")
        ['The video shows', 'stunning', '8k']
        >>> boilerplate("a dog runs, a dog runs, a dog runs", "en")
        ['a dog runs ×3']
    """
    data = _data()
    found = [m.group() for p in (data["openers"][lang], data["filler"][lang]) for m in re.finditer(p, text, re.IGNORECASE)]
    clauses = Counter(c for c in (p.strip().lower() for p in re.split(r"[,，.。;；]", text)) if c)
    found += [f"{c[:40]} ×{n}" for c, n in clauses.items() if n >= REPEATED]
    kind = _words().get(("boilerplate", lang))
    return found + [m.group() for m in kind.finditer(text)] if kind else found


def score(rows: Sequence[Mapping[str, Any]], target: str = "", count: Count | None = None, res: Resources | None = None) -> list[dict[str, Any]]:
    """Score prompts.

    Args:
        rows: ``id``, ``zh``, ``en``.
        target: name of a pack, for the length; none if empty.
        count: counts tokens; an estimate for the target's encoder if ``None``.
        res: resources; the shipped ones if ``None``.

    Returns:
        Per row ``{id, zh, en, score}``; a language holds ``score`` (0..1), ``fields``, ``missing``, ``specificity`` (0..1), ``tokens``, ``limit``,
        ``fits``, ``contradictions`` and ``boilerplate``, or is ``None`` where the text is empty.
    """
    source = [{"id": str(r.get("id", i)), "zh": str(r.get("zh") or ""), "en": str(r.get("en") or "")} for i, r in enumerate(rows)]
    encoder, limit, chars = _limits(_spec(target))[:3] if target else ("", 0, 0)
    readable = _limits(_spec(target))[3] if target else ["zh", "en"]
    out, measure = [], count or counter(encoder)[0]
    for row, tags in zip(source, plain.tag(source, res), strict=True):
        result: dict[str, Any] = {"id": row["id"]}
        for lang in ("zh", "en"):
            text = row[lang]
            if not text.strip():
                result[lang] = None
                continue
            terms = {t["id"] for t in tags["terms"] if t["lang"] == lang and ":" not in t["id"]}
            got = _language(text, lang, terms, bool(tags["eras"]), measure(text))
            fits = lang in readable and (not limit or got["tokens"] <= limit) and (not chars or len(text) <= chars)
            result[lang] = {**got, "limit": limit or None, "fits": fits}
            if not fits:
                result[lang]["score"] = round(result[lang]["score"] * 0.7, 3)
        scores = [result[x]["score"] for x in ("zh", "en") if result[x]]
        result["score"] = round(sum(scores) / len(scores), 3) if scores else 0.0
        out.append(result)
    return out


def _language(text: str, lang: str, terms: set[str], has_era: bool, tokens: int) -> dict[str, Any]:
    weights: dict[str, float] = _data()["weights"]
    present = fields(text, lang, bool(terms), has_era)
    # Nobody is there who could wear something: dress is neither filled nor missed.
    if not present["attire"] and not re.search(_data()["people"][lang], text, re.IGNORECASE):
        del present["attire"]
    share = sum(weights[k] for k, v in present.items() if v) / sum(weights[k] for k in present)
    specific = min(1.0, len(terms) / ENOUGH_TERMS)
    clash, empty = contradictions(text, lang), boilerplate(text, lang)
    total = max(0.0, 0.65 * share + 0.35 * specific - 0.2 * len(clash) - 0.1 * len(empty))
    return {"score": round(total, 3), "fields": [k for k, v in present.items() if v], "missing": [k for k, v in present.items() if not v],
            "specificity": round(specific, 3), "tokens": tokens, "contradictions": clash, "boilerplate": empty}  # fmt: skip
