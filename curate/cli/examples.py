"""One or two examples per command, shown under its ``--help``; a test parses every one of them."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ("curate init my-set --data clips.csv", "curate init try"),
    "plan": ("curate plan my-set/recipe.yaml",),
    "run": ("curate run my-set/recipe.yaml", "curate run my-set/recipe.yaml --workspace /data/ws --workers 4"),
    "status": ("curate status my-set/recipe.yaml",),
    "explain": ("curate explain 5 --recipe my-set/recipe.yaml",),
    "columns": ("curate columns --json",),
    "verify": ("curate verify my-set/recipe.yaml",),
    "gc": ("curate gc my-set/recipe.yaml --dry-run",),
    "doctor": ("curate doctor",),
    "demo": ("curate demo --out demo-out",),
    "tag": ("curate tag clips.csv -o tags.jsonl", "curate tag clips.csv --map zh=描述 --map en=英文 -o tags.csv"),
    "check": ("curate check clips.csv -o flags.jsonl --quarantine unreadable.jsonl",),
    "dedup": ("curate dedup clips.csv -o duplicates.jsonl", "curate dedup clips.csv --steps exact,near --near 0.9"),
    "search": ("curate search clips.csv -q 唐代的舞者 -k 5",),
    "coverage": ("curate coverage clips.csv -o report", "curate coverage clips.csv --targets targets.yaml --fail-under 0.5"),
    "balance": ("curate balance clips.csv --cap 200 -o kept.jsonl", "curate balance clips.csv --targets even --total 1000"),
    "release": ("curate release my-set/recipe.yaml",),
    "card": ("curate card my-set/recipe.yaml -o card",),
    "export": ("curate export list", "curate export musubi-tuner ws/releases/my-set-1.0.0 -o train --lang zh"),
    "publish": ("curate publish ws/releases/my-set-1.0.0 --to hf --repo me/my-set --dry-run",),
    "score": ("curate score prompts.txt --target wan -o scores.jsonl",),
    "plugins": ("curate plugins",),
    "lexicon lint": ("curate lexicon lint",),
    "lexicon stats": ("curate lexicon stats",),
    "lexicon show": ("curate lexicon show 端午节",),
    "lexicon lookup": ("curate lexicon lookup 江面上龙舟竞渡",),
    "lexicon add": (
        "curate lexicon add my_terms.tsv --slug oil-lamp --zh 油灯 --en 'oil lamp' --theme daily-life --sub lighting "
        "--gloss 'A shallow dish of oil with a wick.' --source 中国大百科全书",
    ),
    "index build": ("curate index build vectors --workspace ws",),
    "index search": ("curate index search vectors -q 唐代的舞者",),
    "clips probe": ("curate clips probe videos -o probe.jsonl",),
    "clips dedup": ("curate clips dedup videos -o copies.jsonl",),
    "clips cut": ("curate clips cut film.mp4 --start 12 --end 17.5 -o clip.mp4", "curate clips cut film.mp4 --scenes -o shots"),
    "clips sheet": ("curate clips sheet videos -o sheet.png",),
    "clips provenance": ("curate clips provenance videos -o labels.jsonl",),
    "clips presets": ("curate clips presets",),
    "clips bench": ("curate clips bench videos --quick",),
    "review push": ("curate review push --workspace ws --overlap 2",),
    "review serve": ("curate review serve --workspace ws",),
    "review progress": ("curate review progress --workspace ws",),
    "review agreement": ("curate review agreement --workspace ws --by theme",),
    "review pull": ("curate review pull --workspace ws",),
    "review export": ("curate review export decisions.jsonl --workspace ws",),
    "review import": ("curate review import decisions.jsonl --workspace ws",),
    "review prompts": ("curate review prompts set.jsonl --workspace ws",),
    "prompts gaps": ("curate prompts gaps ws -n 50 -o gaps.jsonl",),
    "prompts localize": ("curate prompts localize prompts.txt --era song -o local.jsonl",),
    "prompts pack": ("curate prompts pack wan gaps.jsonl -o pack",),
    "prompts evalset": ("curate prompts evalset -o evalset -n 200",),
}


def epilog(name: str) -> str | None:
    """Return the examples of a command as they stand under its help; a line that begins with ``\\b`` is not wrapped.

    Args:
        name: the command, with its group.
    """
    lines = EXAMPLES.get(name)
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else None
