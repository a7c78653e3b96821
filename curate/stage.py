"""What a stage is: a frozen description and one pure function over a polars frame.

A stage never makes, removes, reorders or rewrites rows. For each row it is given it returns one row with ``id``, its own
columns, and perhaps a verdict (``drop`` with a reason, ``drop_note`` with the evidence).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from curate.errors import RecipeError, SchemaError, StageError, did_you_mean
from curate.schema import cast

if TYPE_CHECKING:
    from curate.embed import Embedder
    from curate.knowledge.lexicon import Lexicon
    from curate.knowledge.taxonomy import Taxonomy

Scope = Literal["rows", "table"]
Made = TypeVar("Made")


class Spread(Protocol):
    """Who does shares of a table step elsewhere, and the table (``shares.Stored``) as it lies in the workspace."""

    @property
    def table(self) -> Any: ...
    @property
    def count(self) -> int: ...
    def map(self, work: Callable[..., Made], tasks: Sequence[tuple[Any, ...]]) -> list[Made]: ...


class Params(BaseModel):
    """Base of every stage's and reader's parameters: unknown names are errors, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Resources:
    """What stages may use besides their rows. Built once per process from the recipe.

    Attributes:
        seed: the recipe's seed.
        lexicon: terms and matcher, if a step uses them.
        taxonomy: eras, themes and regions.
        embedder: the text encoder.
        decisions: frozen snapshot of people's decisions.
        digests: name to sha256 (or version) of each resource; these enter the step keys.
        base: the recipe's folder, which relative media paths refer to.
        spread: machines for shares of a table step; ``None`` if this one does it alone.
    """

    seed: int = 0
    lexicon: Lexicon | None = None
    taxonomy: Taxonomy | None = None
    embedder: Embedder | None = None
    decisions: pl.DataFrame | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    base: Path | None = None
    spread: Spread | None = None

    def need_lexicon(self) -> Lexicon:
        """Return the lexicon or say that the recipe names none."""
        if self.lexicon is None:
            raise StageError("this step needs the lexicon", hint="set resources.lexicon in the recipe")
        return self.lexicon

    def need_taxonomy(self) -> Taxonomy:
        """Return the taxonomy or say that the recipe names none."""
        if self.taxonomy is None:
            raise StageError("this step needs the taxonomy", hint="set resources.taxonomy in the recipe")
        return self.taxonomy

    def need_embedder(self) -> Embedder:
        """Return the embedder or say that the recipe names none."""
        if self.embedder is None:
            raise StageError("this step needs an embedder", hint="set resources.embedder in the recipe")
        return self.embedder


StageFn = Callable[[pl.DataFrame, Any, Resources], pl.DataFrame]
AddsFn = Callable[[Any, Resources], pl.Schema]


@dataclass(frozen=True)
class Stage:
    """The description of one stage.

    Attributes:
        name: key in the recipe.
        version: enters the step key; raise it when the meaning of the output changes.
        scope: ``rows`` sees one part at a time, ``table`` sees all live rows at once.
        params: pydantic model of the parameters; defaults live there only.
        needs: columns read.
        optional: columns read if some earlier step wrote them.
        adds: columns written, or a function of parameters and resources where a width depends on a model.
        reasons: every reason the stage may put in ``drop``.
        uses: which resources it reads.
        libs: distributions whose version can change the output.
        fn: the function.
        apart: columns of a table step that stay in the workspace when shares of it are done on other machines; ``None`` if it has no shares.
        media: whether it opens the media files of the rows; what these hold then enters the step key.
        help: one line for ``curate columns``.
    """

    name: str
    version: int
    scope: Scope
    params: type[Params]
    needs: tuple[str, ...]
    adds: pl.Schema | AddsFn
    fn: StageFn
    optional: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    libs: tuple[str, ...] = ()
    apart: tuple[str, ...] | None = None
    media: bool = False
    help: str = ""

    def schema(self, params: Params, res: Resources) -> pl.Schema:
        """Return the columns that this stage writes with these parameters."""
        return self.adds(params, res) if callable(self.adds) else self.adds

    def parse(self, values: Mapping[str, object]) -> Params:
        """Validate parameters.

        Args:
            values: what the recipe says.

        Raises:
            RecipeError: names the parameter, the value and the choices.
        """
        return parse_params(self.params, values, f"step {self.name!r}")


def parse_params(model: type[Params], values: Mapping[str, object], where: str) -> Params:
    """Validate parameters against a model with an error that people can act on.

    Args:
        model: the pydantic model.
        values: what was written.
        where: named in the error.

    Raises:
        RecipeError: all faults in one message, with "did you mean" for unknown names.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as e:
        lines, hints = [], []
        for err in e.errors():
            name = ".".join(str(x) for x in err["loc"])
            if err["type"] == "extra_forbidden":
                lines.append(f"{where}: unknown parameter {name!r}")
                hints.append(did_you_mean(str(err["loc"][-1]), model.model_fields))
            elif err["type"] == "value_error":
                # One of our own checks; it names the value itself.
                lines.append(f"{where}: {name}: {err['ctx']['error']}" if name else f"{where}: {err['ctx']['error']}")
            else:
                lines.append(f"{where}: {name}: {err['msg']} (got {err.get('input')!r})")
        raise RecipeError("; ".join(lines), hint=" ".join(hints)) from e


def call(stage: Stage, frame: pl.DataFrame, params: Params, res: Resources, step: str) -> pl.DataFrame:
    """Call a stage and hold it to its contract.

    Args:
        stage: the stage.
        frame: live rows with at least ``id`` and ``needs``.
        params: validated parameters.
        res: resources.
        step: the step's id, prefixed to reasons and named in errors.

    Returns:
        ``id``, the declared columns, ``drop`` and ``drop_note``, one row per row of ``frame``, in its order.

    Raises:
        StageError: rows were lost, made or doubled, or a reason was not declared.
        SchemaError: a column is missing or of another type.
    """
    lacking = [c for c in stage.needs if c not in frame.columns and not (res.spread is not None and c in (stage.apart or ()))]
    if lacking:
        raise SchemaError(f"step {step!r} needs column {lacking[0]!r}", hint="add the stage that writes it before this step")
    seen = ["id", *(c for c in (*stage.needs, *stage.optional) if c != "id" and c in frame.columns)]
    out = stage.fn(frame.select(seen), params, res)
    declared = stage.schema(params, res)
    extra = [c for c in out.columns if c not in declared and c not in ("id", "drop", "drop_note")]
    if extra:
        raise SchemaError(f"step {step!r} returned the undeclared column {extra[0]!r}")
    for name in ("drop", "drop_note"):
        if name not in out.columns:
            out = out.with_columns(pl.lit(None, pl.String).alias(name))
    out = cast(out, pl.Schema({"id": pl.String(), **declared, "drop": pl.String(), "drop_note": pl.String()}), f"step {step!r}")
    out = _align(out, frame.get_column("id"), step)
    unknown = set(out.get_column("drop").drop_nulls().unique()) - set(stage.reasons)
    if unknown:
        raise StageError(f"step {step!r} gave the undeclared reason {sorted(unknown)[0]!r}", hint=f"declared: {', '.join(stage.reasons)}")
    return out.with_columns(pl.when(pl.col("drop").is_not_null()).then(pl.lit(f"{step}.") + pl.col("drop")).alias("drop"))


def _align(out: pl.DataFrame, ids: pl.Series, step: str) -> pl.DataFrame:
    """Check that the same ids came back, and restore their order."""
    got = out.get_column("id")
    if got.equals(ids):
        return out
    want_set, got_set = set(ids), set(got)
    if len(got) != len(got_set):
        twice = got.filter(got.is_duplicated())[0]
        raise StageError(f"step {step!r} returned the id {twice} twice")
    if want_set - got_set:
        lost = next(i for i in ids if i not in got_set)
        raise StageError(f"step {step!r} lost {len(want_set - got_set)} of {len(ids)} rows; the first is id {lost}")
    if got_set - want_set:
        made = next(i for i in got if i not in want_set)
        raise StageError(f"step {step!r} made {len(got_set - want_set)} rows; the first is id {made}")
    return ids.to_frame("id").join(out, on="id", how="left", maintain_order="left")
