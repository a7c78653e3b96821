"""Find out how a text file is encoded: BOM, UTF-8, UTF-16, GB18030, Big5. Never decode with replacement characters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from curate.text import script_of

SAMPLE = 1 << 20


class Encoding(NamedTuple):
    """A Python codec name and how it was found."""

    codec: str
    why: str


# Characters that fill captions; a wrong codec gives rare ones instead.
_COMMON = set("的一是在不了有和人这中大来上个国我以要他时们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严") | set(
    "這個來時們國為說產種後學會發動過對開還樣與關從業體點員條沒問變無長頭資邊級圖見計論運農決戰規熱領東導術極聯認權證轉單風車務萬達報類離華確話場")  # fmt: skip


def detect(data: bytes) -> Encoding:
    """Name the encoding of a text file.

    Args:
        data: the first bytes of the file (1 MiB is plenty).

    Returns:
        A codec that decodes the sample, and the reason.

    Example:
        >>> detect("唐代的舞者在宫殿里跳舞".encode("gb18030")).codec
        'gb18030'
        >>> detect("端午節的早晨,江面上龍舟競渡".encode("big5")).codec
        'big5'
    """
    for bom, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(bom):
            return Encoding(codec, "byte order mark")
    sample = data[:SAMPLE]
    if _decodes_utf8(sample):
        return Encoding("utf-8", "valid UTF-8")
    zeros = sample[1::2].count(0), sample[0::2].count(0)
    if len(sample) >= 4 and max(zeros) > len(sample) * 0.1:
        return Encoding("utf-16-le" if zeros[0] > zeros[1] else "utf-16-be", "every other byte is zero")
    # Mostly UTF-8 with a few broken lines: those lines go to quarantine, the file stays UTF-8.
    if _utf8_line_share(sample) > 0.6:
        return Encoding("utf-8", "mostly valid UTF-8")
    scores = {c: _score(sample, c) for c in ("gb18030", "big5hkscs", "utf-16-le", "utf-16-be")}
    for codec in ("gb18030", "big5hkscs"):
        # Bytes of the one decode as the other, and by chance give a common character or two; most of the rest are rare then.
        scores[codec] *= 0.2 + 0.8 * _first_level(sample, codec)
    best = max(scores, key=lambda c: scores[c])
    if scores[best] > 0.15:
        return Encoding("big5" if best == "big5hkscs" and _score(sample, "big5") >= 0 else best, "common characters")
    levels = {c: _first_level(sample, c) if scores[c] >= 0 else -1.0 for c in ("gb18030", "big5hkscs")}
    best = max(levels, key=lambda c: levels[c])
    if levels[best] > 0.7:
        return Encoding("big5" if best == "big5hkscs" and _score(sample, "big5") >= 0 else best, "first-level characters")
    import charset_normalizer

    found = charset_normalizer.from_bytes(sample).best()
    return Encoding(found.encoding, "charset-normalizer") if found else Encoding("utf-8", "nothing fits; broken lines are quarantined")


def _decodes_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as e:
        # The sample may end in the middle of a character.
        return e.end == len(sample) and len(sample) - e.start < 4 and len(sample) >= SAMPLE
    return True


def _utf8_line_share(sample: bytes) -> float:
    lines = [x for x in sample.split(b"\n")[:2000] if any(b > 127 for b in x)]
    if len(lines) < 3:
        return 0.0
    good = 0
    for line in lines:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            continue
        good += 1
    return good / len(lines)


def _score(sample: bytes, codec: str) -> float:
    """Share of common characters among the non-ASCII ones when decoded strictly; -1 if it does not decode."""
    for cut in range(4):
        try:
            text = sample[: len(sample) - cut].decode(codec)
            break
        except UnicodeDecodeError:
            continue
    else:
        lines = [x for x in sample.split(b"\n") if any(b > 127 for b in x)]
        good = [_score_line(x, codec) for x in lines]
        fits = [g for g in good if g >= 0]
        return sum(fits) / len(good) if good and codec in ("gb18030", "big5hkscs", "big5") else -1.0
    return _common_share(text)


def _score_line(line: bytes, codec: str) -> float:
    try:
        return _common_share(line.decode(codec))
    except UnicodeDecodeError:
        return -1.0


def _first_level(sample: bytes, codec: str) -> float:
    """Share of first-level characters (the thousands in everyday use); tells short texts apart.

    Both standards put the characters in everyday use first: GB 2312 in rows 16 to 55, Big5 from A440 to C67E.
    """
    text = sample.decode(codec, "ignore")
    wide = [c.encode(codec) for c in text if ord(c) > 127 and c.isalpha()]
    if codec == "gb18030":
        first = [len(b) == 2 and 0xB0 <= b[0] <= 0xD7 and b[1] >= 0xA1 for b in wide]
    else:
        first = [b"\xa4\x40" <= b <= b"\xc6\x7e" for b in wide]
    return sum(first) / len(first) if first else 0.0


def _common_share(text: str) -> float:
    letters = [c for c in text if ord(c) > 127 and (c.isalpha())]
    if not letters:
        return 0.0
    share = sum(c in _COMMON for c in letters) / len(letters)
    return share if script_of("".join(letters[:200])) != "none" else 0.0


def wide_lines(data: bytes, codec: str) -> Iterator[tuple[int, str | None, bytes]]:
    """Cut a file whose characters are 2 or 4 bytes into lines, so that a broken byte costs its own line only.

    A byte too many or too few leaves a line with a broken character; the next line is found by its line end, wherever that lies.

    Args:
        data: the whole file.
        codec: ``utf-16``, ``utf-32``, or one of them with the order of its bytes.

    Yields:
        Line number, text without its line end (``None`` if it does not decode), and its bytes.

    Example:
        >>> [text for _, text, _ in wide_lines("唐\\n代".encode("utf-16"), "utf-16")]
        ['唐', '代']
    """
    named, start = _byte_order(data, codec)
    try:
        text = data[start:].decode(named)
    except UnicodeDecodeError:
        yield from _mended(data, start, named)
        return
    # The lines of a file: CR, LF and CR LF, and nothing else (not U+2028, which stands inside captions).
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n") if text else (), 1):
        yield number, line.removeprefix("\ufeff"), line.encode("utf-8", "surrogatepass")


def _byte_order(data: bytes, codec: str) -> tuple[str, int]:
    """Return the codec with its byte order, and the length of the byte order mark."""
    wide = codec[:6]
    for order in ("le", "be"):
        mark = "\ufeff".encode(f"{wide}-{order}")
        if data.startswith(mark) and codec in (wide, f"{wide}-{order}"):
            return f"{wide}-{order}", len(mark)
    return (codec, 0) if codec != wide else (f"{wide}-le", 0)


def _mended(data: bytes, start: int, codec: str) -> Iterator[tuple[int, str | None, bytes]]:
    end = "\n".encode(codec)
    number = 1
    while start < len(data):
        at = data.find(end, start)
        # Half of the last character may look like the first half of a line end: prefer the one that lies on a character.
        if at >= 0 and (at - start) % len(end) and data.startswith(end, at + len(end) - (at - start) % len(end)):
            at += len(end) - (at - start) % len(end)
        raw = data[start : at if at >= 0 else len(data)]
        start = at + len(end) if at >= 0 else len(data)
        try:
            pieces: list[str] = raw.decode(codec).removeprefix("\ufeff").removesuffix("\r").split("\r")
        except UnicodeDecodeError:
            yield number, None, raw
            number += 1 + raw.decode(codec, "replace").removesuffix("\r").count("\r")
            continue
        for piece in pieces:
            yield number, piece, piece.encode()
            number += 1
