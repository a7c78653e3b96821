"""A small finished run with clips and flags, for the tests of review and of its app."""

from __future__ import annotations

import json
from pathlib import Path

from curate.run import RunResult, run

ROWS = [
    {"id": "1", "zh": "端午節的早晨，江面上龍舟競渡。", "en": "Dragon boats race on the river on the morning of Duanwu.", "video": "clips/a.mp4"},
    {"id": "2", "zh": "唐代宫女穿着清代旗装在宫中行走。", "en": "A Tang dynasty palace lady walks in a Qing qipao.", "video": "clips/a.mp4"},
    {"id": "3", "zh": "宋代文人点茶赏画", "en": "Song dynasty scholars whisk tea and look at paintings", "video": "clips/b.mp4"},
    {"id": "4", "zh": "三个孩子在放风筝", "en": "three children fly kites", "video": None},
    {"id": "5", "zh": "工匠在窑前烧制青花瓷", "en": "A craftsman fires blue and white porcelain in front of the kiln", "video": None},
    {"id": "6", "zh": "元宵节的街上挂满花灯", "en": "Lanterns hang over the street at the Lantern Festival", "video": "clips/missing.mp4"},
    {"id": "7", "zh": "一位老人在公园里打太极拳", "en": "An old man practises tai chi in the park", "video": None},
    {"id": "8", "zh": "戏台上的京剧演员亮相", "en": "A Peking opera actor strikes a pose on the stage", "video": None},
]
RECIPE = """recipe: 1
name: demo
seed: 1
inputs:
  - {name: demo, path: captions.jsonl, license: CC0-1.0, origin: {zh: human, en: translated}}
resources:
  embedder: {name: hash}
  decisions: demo
steps: [normalize, match, embed, theme, CHECK sample, decide, split]
"""


def clip(path: Path, seed: int = 1, seconds: float = 2) -> None:
    """A moving pattern as H.264 in mp4, small."""
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("h264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        y, x = np.mgrid[0:180, 0:320]
        for n in range(int(seconds * 12)):
            wave = (np.sin((x + n * 9) / 23 + seed) + np.sin((y - n * 5) / 17)) * 60 + 127
            image = np.stack([wave, 255 - wave, np.full_like(wave, 40 * seed)], axis=2).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)


def write(folder: Path, rows: list[dict[str, object]] | None = None, check: bool = True) -> Path:
    """Write recipe, captions and clips; returns the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    given = ROWS if rows is None else rows
    (folder / "captions.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in given), encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.replace("CHECK", "check," if check else ""), encoding="utf-8")
    if rows is None:
        clip(folder / "clips" / "a.mp4", 1)
        clip(folder / "clips" / "b.mp4", 3)
    return recipe


def finished(folder: Path, rows: list[dict[str, object]] | None = None, check: bool = True) -> RunResult:
    """The run of that recipe in ``folder/ws``."""
    return run(write(folder, rows, check), folder / "ws")
