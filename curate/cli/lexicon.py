"""The group ``curate lexicon``: lint, stats, show, lookup, add."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from curate.cli.show import JSON, emit, say, table
from curate.errors import DataError, LexiconError, did_you_mean

app = typer.Typer(no_args_is_help=True, help="Look into the lexicon, check it, add to it.")
FOLDER = typer.Option(None, "--folder", help="A folder laid out like lexicons/; the shipped one by default.")


@app.command()
def lint(folder: Path = FOLDER, warnings: bool = typer.Option(True, help="Show warnings too."), as_json: bool = JSON) -> None:
    """Check the lexicon: doubles, script mix-ups, missing fields, alias clashes, order of years."""
    from curate.knowledge.lexicon import Lexicon
    from curate.knowledge.lint import lint as run_lint
    from curate.knowledge.taxonomy import Taxonomy

    found = run_lint(Lexicon.load(folder), Taxonomy.load(folder))
    errors = [p for p in found if p.level == "error"]
    if as_json:
        emit([asdict(p) for p in found])
    else:
        for p in found if warnings else errors:
            say(f"{p.file}:{p.line}: {p.level}: {p.id}: {p.message}")
        say(f"{len(errors)} errors, {len(found) - len(errors)} warnings")
    if errors:
        raise LexiconError(f"{len(errors)} errors in the lexicon", hint="mend the lines above")


@app.command()
def stats(folder: Path = FOLDER, as_json: bool = JSON) -> None:
    """Count concepts, surface forms, themes and thin cells."""
    from curate.knowledge.lexicon import Lexicon
    from curate.knowledge.lint import stats as count
    from curate.knowledge.taxonomy import Taxonomy

    got = count(Lexicon.load(folder), Taxonomy.load(folder))
    if as_json:
        emit(got)
        return
    for name, value in got.items():
        if isinstance(value, dict):
            table(name, ["theme", "concepts"], list(value.items()), right=(1,))
        elif isinstance(value, list):
            say(f"{name}: {len(value)}" + "".join(f"\n  {v}" for v in value))
        else:
            say(f"{name:<16} {value}")


@app.command()
def show(term: str = typer.Argument(..., help="An id or a name in any language."), as_json: bool = JSON) -> None:
    """Show everything the lexicon knows of a term."""
    from curate.plain import shipped_lexicon

    lexicon = shipped_lexicon()
    wanted = term.lower()
    found = [
        e for e in lexicon.terms if wanted in (e.id, e.zh_hans, e.zh_hant, e.en.lower(), e.fr.lower(), *map(str.lower, (*e.zh_alias, *e.en_alias)))
    ]
    if not found:
        names = [e.zh_hans for e in lexicon.terms] + [e.en for e in lexicon.terms]
        raise DataError(f"no term {term!r}", hint=_near(term, names))
    if as_json:
        emit([e._asdict() for e in found])
        return
    for e in found:
        for name, value in e._asdict().items():
            if value not in ("", (), None, "term"):
                say(f"{name:<16} {' | '.join(value) if isinstance(value, tuple) else value}")
        say("")


def _near(term: str, names: list[str]) -> str:
    """Name the nearest term; thousands of others would help nobody."""
    start, _, _ = did_you_mean(term, names).partition("Choices: ")
    return start.strip() or "nothing is called so; curate lexicon lookup TEXT says what a caption names"


@app.command()
def lookup(text: str = typer.Argument(..., help="A caption in Chinese or English."), as_json: bool = JSON) -> None:
    """Say which terms a caption names, and what they are."""
    from curate.plain import shipped_lexicon, tag

    (row,) = tag([text])
    if as_json:
        emit(row)
        return
    by_id = shipped_lexicon().by_id
    table(
        text, ["words", "place", "term", "gloss"], [(t["text"], f"{t['start']}-{t['end']}", t["id"], by_id[t["id"]].gloss_en) for t in row["terms"]]
    )
    say(f"themes: {', '.join(row['themes']) or '-'}   eras: {', '.join(row['eras']) or '-'}   regions: {', '.join(row['regions']) or '-'}")


@app.command()
def add(
    file: Path = typer.Argument(..., help="Your own TSV of terms; made if it is not there."),
    slug: str = typer.Option(..., help="kebab-case, without the theme."),
    zh: str = typer.Option(..., help="Simplified name."),
    en: str = typer.Option(...),
    theme: str = typer.Option(...),
    sub: str = typer.Option(...),
    gloss: str = typer.Option(..., help="One English sentence that says what one sees."),
    source: str = typer.Option(..., help="Where it can be checked."),
    fr: str = typer.Option(""),
    eras: str = typer.Option("", help="Era ids separated by |"),
    zh_alias: str = typer.Option("", help="Separated by |"),
    en_alias: str = typer.Option("", help="Separated by |"),
) -> None:
    """Add a term to a TSV of your own; name it in the recipe under resources.lexicon."""
    from curate.knowledge.edit import add_term

    row = {"zh_hans": zh, "en": en, "fr": fr, "theme": theme, "sub": sub, "gloss_en": gloss, "source": source, "eras": eras}
    term = add_term(file, slug, {**row, "zh_alias": zh_alias, "en_alias": en_alias})
    say(f"added {term['id']}: {term['zh_hans']} {term['zh_hant']} {term['pinyin']}")
