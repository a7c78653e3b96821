"""The recipe: one YAML file that says what comes in, which stages run, and what is published.

No code, no import paths and no environment values in it. Unknown keys are errors with "did you mean"; all faults are
reported together, with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from curate import plugins
from curate.errors import CurateError, RecipeError, StageError, did_you_mean
from curate.schema import RECORD
from curate.stage import Params, Resources, Stage

SLUG = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")
SEMVER = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Origin(_Model):
    """Who wrote the captions of each language."""

    zh: Literal["human", "machine", "translated", "unknown"] = "unknown"
    en: Literal["human", "machine", "translated", "unknown"] = "unknown"


class Input(_Model):
    """One input: a file, a folder, a glob or a hub id."""

    name: str
    read: str = "auto"
    path: str
    map: dict[str, str] = Field(default_factory=dict)
    license: str = "unknown"
    attribution: str | None = None
    origin: Origin = Origin()
    media: Literal["auto", "none", "image", "video"] = "auto"
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("map")
    @classmethod
    def _known_columns(cls, value: dict[str, str]) -> dict[str, str]:
        allowed = [*RECORD, "caption"]
        for key in value:
            if key not in allowed or key == "id":
                raise ValueError(f"unknown record column {key!r}; {did_you_mean(key, allowed)}")
        return value


class EmbedderSpec(_Model):
    """Which text encoder."""

    name: str = "use"
    model: str = ""
    revision: str = ""
    prompt: str = ""


class ResourceSpec(_Model):
    """What stages may use besides rows; ``null`` leaves it out, ``[]`` is the shipped lexicon alone."""

    lexicon: list[str] | None = Field(default_factory=list)
    taxonomy: bool = True
    embedder: EmbedderSpec | None = None
    decisions: str | None = None


class Step(_Model):
    """One stage in the recipe."""

    use: str
    id: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    on: Literal["local", "engine"] = "engine"


class RequireReview(_Model):
    """What people must have done before a release."""

    min_reviewed_frac: float = Field(0.0, ge=0, le=1)
    min_agreement: float = Field(0.0, ge=-1, le=1)


class PublishSpec(_Model):
    """What a release is called and contains."""

    name: str
    version: str
    license: str
    allow_licenses: list[str] = Field(default_factory=list)
    columns: list[str] = Field(default_factory=list)
    formats: tuple[Literal["parquet", "jsonl", "csv"], ...] = ("parquet", "jsonl")
    media: Literal["none", "link", "copy", "cut"] = "none"
    missing_media: Literal["refuse", "keep"] = "refuse"
    prose: str | None = None
    date: str | None = Field(None, pattern=r"\d{4}-\d{2}-\d{2}")
    require_review: RequireReview | None = None

    @field_validator("version")
    @classmethod
    def _semver(cls, value: str) -> str:
        if not SEMVER.fullmatch(value):
            raise ValueError(f"{value!r} is not a version such as 1.0.0")
        return value


class Recipe(_Model):
    """A whole recipe."""

    recipe: Literal[1]
    name: str
    seed: int = 0
    inputs: list[Input] = Field(min_length=1)
    resources: ResourceSpec = ResourceSpec()
    steps: list[Step]
    publish: PublishSpec | None = None
    part_rows: int = Field(20_000, ge=1, le=1_000_000)

    @field_validator("name")
    @classmethod
    def _slug(cls, value: str) -> str:
        if not SLUG.fullmatch(value):
            raise ValueError(f"{value!r} is not a slug (small letters, digits, hyphens)")
        return value

    @field_validator("steps", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        return [_step(s) for s in value] if isinstance(value, list) else value


def _step(raw: Any) -> Any:
    """``- normalize`` and ``- dedup: {near: 0.85}`` are short for the long form."""
    if isinstance(raw, str):
        return {"use": raw, "id": raw}
    if isinstance(raw, dict):
        if "use" in raw:
            return {"id": raw["use"], **raw}
        if len(raw) == 1:
            (name, with_) = next(iter(raw.items()))
            return {"use": name, "id": name, "with": with_ or {}}
    return raw


class _LineLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice and remembers lines."""


def _mapping(loader: _LineLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if isinstance(key, (dict, list)):
            raise RecipeError(f"line {line}: a key must be a word")
        if key in seen:
            raise RecipeError(f"line {line}: the key {key!r} was already written in line {seen[key]}")
        seen[key] = line
    loader.flatten_mapping(node)
    return {loader.construct_object(k, deep=True): loader.construct_object(v, deep=True) for k, v in node.value}


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML safely.

    Args:
        text: the YAML text.
        where: file name for errors.

    Raises:
        RecipeError: broken YAML or a doubled key; names the line.
    """
    try:
        loader = _LineLoader(text)
        return loader.get_single_data()
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise RecipeError(f"{where}{line}: {getattr(e, 'problem', None) or e}", hint="check the indentation and the colons") from e
    except RecipeError as e:
        raise RecipeError(f"{where}: {e.message}") from e


def line_of(text: str, key: str) -> int:
    """Return the first line on which a key is written, or 0."""
    found = re.search(rf"(?m)^[\s-]*['\"]?{re.escape(key)}['\"]?\s*:|^\s*-\s*{re.escape(key)}\s*$", text)
    return text.count("\n", 0, found.start()) + 1 if found else 0


def _explain(e: ValidationError, text: str, where: str) -> RecipeError:
    lines, hints = [], []
    for err in e.errors():
        loc = [str(x) for x in err["loc"]]
        name = ".".join(loc)
        at = line_of(text, str(err["loc"][-1])) if err["loc"] else 0
        place = f"{where}:{at}" if at else where
        if err["type"] == "extra_forbidden":
            lines.append(f"{place}: unknown key {name!r}")
            hints.append(did_you_mean(loc[-1], _fields_at(err["loc"])))
        elif err["type"] == "missing":
            lines.append(f"{where}: {name!r} is missing")
        elif err["type"] == "value_error":
            lines.append(f"{place}: {name}: {err['ctx']['error']}")
        else:
            lines.append(f"{place}: {name}: {err['msg']} (got {err.get('input')!r})")
    return RecipeError("\n".join(lines), hint=" ".join(dict.fromkeys(hints)))


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "inputs": Input, "resources": ResourceSpec, "steps": Step, "publish": PublishSpec,
        "embedder": EmbedderSpec, "origin": Origin, "require_review": RequireReview,
    }  # fmt: skip
    model: type[BaseModel] = Recipe
    for part in loc[:-1]:
        if isinstance(part, str):
            model = models.get(part, model)
    return [f.alias or n for n, f in model.model_fields.items()]


def parse(text: str, where: str = "recipe") -> Recipe:
    """Parse a recipe from text.

    Args:
        text: YAML.
        where: file name for errors.

    Raises:
        RecipeError: lists every fault with its line.
    """
    raw = parse_yaml(text, where)
    if not isinstance(raw, dict):
        raise RecipeError(f"{where}: a recipe is a mapping of keys, this is {type(raw).__name__}", hint="start with 'recipe: 1'")
    try:
        return Recipe.model_validate(raw)
    except ValidationError as e:
        raise _explain(e, text, where) from e


def load(path: Path) -> tuple[Recipe, str]:
    """Read a recipe file.

    Args:
        path: the YAML file.

    Returns:
        The recipe and its text as written.

    Raises:
        RecipeError: the file is missing, not UTF-8, or faulty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as e:
        near = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near) if near else "write one with: curate init"
        raise RecipeError(f"no recipe at {path}", hint=hint) from e
    except IsADirectoryError as e:
        near = sorted(str(p) for p in path.glob("*.y*ml"))
        raise RecipeError(f"{path} is a folder, not a recipe", hint=did_you_mean(str(path / "recipe.yaml"), near) if near else "curate init") from e
    except (UnicodeDecodeError, PermissionError) as e:
        why = e.strerror if isinstance(e, PermissionError) else "it is not UTF-8"
        raise RecipeError(f"cannot read the recipe {path}: {why}", hint="a recipe is a YAML file in UTF-8; curate init writes one") from e
    return parse(text, str(path)), text


def check_chain(recipe: Recipe, stages: Mapping[str, Stage], res: Resources | None = None) -> list[tuple[Step, Stage, Params]]:
    """Walk the steps before anything runs: stages exist, columns are there, nothing is written twice.

    Args:
        recipe: the recipe.
        stages: known stages by name.
        res: resources, for stages whose columns depend on them; without it their columns are taken by name only.

    Returns:
        ``(step, stage, params)`` per step.

    Raises:
        RecipeError: all faults together.
    """
    faults: list[str] = []
    hints: list[str] = []
    owner: dict[str, str] = dict.fromkeys(RECORD, "the reader")
    ids: set[str] = set()
    chain: list[tuple[Step, Stage, Params]] = []
    for number, step in enumerate(recipe.steps, 1):
        where = f"step {number} ({step.id!r})"
        if step.id in ids:
            faults.append(f"{where}: the id is used twice; give one of them another 'id:'")
        ids.add(step.id)
        stage = stages.get(step.use)
        if stage is None:
            faults.append(f"{where}: there is no stage {step.use!r}")
            hints.append(plugins.why_not("curate.stages", step.use) or did_you_mean(step.use, stages))
            continue
        try:
            params = stage.parse(step.with_)
        except CurateError as e:
            faults.append(f"{where}: {e.message}")
            hints.append(e.hint)
            continue
        faults += _column_faults(where, stage, owner, stages)
        faults += [f"{where}: needs resources.{u}" for u in sorted(stage.uses) if not _has(recipe.resources, u)]
        for column in _written(stage, params, res):
            if column in owner:
                faults.append(f"{where}: writes {column!r}, which {owner[column]} has written already")
            owner[column] = f"step {step.id!r}"
        chain.append((step, stage, params))
    if faults:
        raise RecipeError("\n".join(faults), hint=" ".join(h for h in dict.fromkeys(hints) if h))
    return chain


_MODEL_COLUMNS = {"embed": ("zh_vector", "en_vector")}


def _written(stage: Stage, params: Params, res: Resources | None) -> Iterable[str]:
    """The columns a stage writes; before the model is loaded, those of a model-dependent stage are known by name only."""
    try:
        return stage.schema(params, res or Resources())
    except StageError:
        return _named(stage)


def _named(stage: Stage) -> tuple[str, ...]:
    return _MODEL_COLUMNS.get(stage.name, ())


def _has(spec: ResourceSpec, name: str) -> bool:
    value = {"lexicon": spec.lexicon is not None, "taxonomy": spec.taxonomy, "embedder": spec.embedder is not None}
    return value.get(name, True)


def _column_faults(where: str, stage: Stage, owner: dict[str, str], stages: Mapping[str, Stage]) -> list[str]:
    out = []
    for column in stage.needs:
        if column in owner:
            continue
        writers = [s.name for s in stages.values() if (not callable(s.adds) and column in s.adds) or column in _named(s)]
        hint = f"; add {' or '.join(writers)!r} before it" if writers else ""
        out.append(f"{where}: needs the column {column!r}, which no earlier step writes{hint}")
    return out
