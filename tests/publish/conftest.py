"""A tiny project that runs in a second: thirty bilingual captions, some with clips, one of everything that can go wrong left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curate.knowledge.lexicon import Lexicon
from curate.knowledge.taxonomy import Taxonomy
from curate.publish import card
from curate.publish.release import ReleaseResult, make
from curate.run import run

SCENES = [
    ("端午节的早晨，江面上龙舟竞渡，鼓声震天。", "Dragon boats race on the river on the morning of the Dragon Boat Festival."),
    ("唐代仕女身着襦裙，沿着长廊缓步前行。", "A Tang-dynasty court lady in a ruqun walks slowly along a corridor."),
    ("宋代的茶师正在点茶，茶筅在盏中快速搅动。", "A Song-dynasty tea master whips powdered tea in a bowl."),
    ("元宵夜，孩子们提着灯笼走过石桥。", "On the night of the Lantern Festival children carry lanterns over a stone bridge."),
    ("苏州园林里，雨水顺着飞檐滴落。", "In a Suzhou garden rain drips from the upturned eaves."),
    ("京剧演员在后台勾画脸谱。", "A Peking opera actor paints his face backstage."),
    ("兵马俑整齐地排列在坑道中。", "Terracotta warriors stand in rows in the pit."),
    ("一位老人用毛笔在宣纸上写行书。", "An old man writes running script on rice paper with a brush."),
    ("匠人在窑边取出刚烧好的青花瓷。", "A craftsman takes blue-and-white porcelain out of the kiln."),
    ("少林僧人在晨雾里练习棍术。", "Shaolin monks practise staff fighting in the morning mist."),
    ("舞狮队在春节的庙会上跃过高桩。", "A lion dance troupe leaps over high poles at a Spring Festival temple fair."),
    ("一只猫在窗台上打盹。", "A cat naps on a window sill."),
]
PROSE = {
    "title": {"zh": "测试集", "en": "Test set"},
    **{
        name: {"zh": "这一节由人撰写，供测试使用。", "en": "This section was written by a person for the tests."}
        for name in "summary motivation intended_use out_of_scope collection annotation rights_and_consent cultural_notes biases known_gaps maintenance".split()
    },
    "maintainers": {"zh": "测试小组", "en": "The test team"},
    "citation": {"zh": "测试集，2026。", "en": "Test set, 2026."},
    "creators": ["The test team"],
    "homepage": "https://example.org/test-set",
}
STEPS = "[normalize, language, quality, tokens, match, embed, theme, sign, {dedup: {steps: [exact]}}, coverage, {balance: {cap: 3}}, {split: {validation: 0.25, test: 0.25}}]"


def rows(n: int = 36) -> list[dict[str, Any]]:
    places = ["黄昏时分，", "清晨，", "镜头缓缓推近，"]
    lead = ["At dusk: ", "Early in the morning: ", "The camera pushes in: "]
    out = []
    for i in range(n):
        zh, en = SCENES[i % len(SCENES)]
        k = i // len(SCENES)
        out.append(
            {"id": f"r{i:03d}", "clip_id": f"clip-{i:03d}", "zh": places[k % 3] + zh, "en": lead[k % 3] + en, "license": ["CC-BY-4.0", "CC0-1.0"][i % 2],
             "attribution": "A. Author" if i % 2 == 0 else None, "zh_origin": "human", "en_origin": ["human", "translated"][i % 2]}
        )  # fmt: skip
    return out


def write_project(
    folder: Path,
    data: list[dict[str, Any]] | None = None,
    publish: dict[str, Any] | None = None,
    prose: dict[str, Any] | None = None,
    steps: str = STEPS,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "captions.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in (data or rows())), encoding="utf-8")
    spec = {"name": "test-set", "version": "1.0.0", "license": "CC-BY-4.0", "prose": "prose.yaml", "date": "2026-11-22", **(publish or {})}
    (folder / "prose.yaml").write_text(json.dumps(PROSE if prose is None else prose, ensure_ascii=False), encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"recipe: 1\nname: test-set\nseed: 3\ninputs:\n  - {{name: scenes, path: captions.jsonl}}\n"
        f"resources: {{embedder: {{name: hash}}}}\nsteps: {steps}\npublish: {json.dumps(spec)}\n",
        encoding="utf-8",
    )
    return recipe


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """The knowledge files are large; a test process needs to read them once."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Lexicon, Taxonomy):
            whole = kind.load()
            original = kind.load
            patch.setattr(kind, "load", lambda *a, _w=whole, _o=original, **k: _o(*a, **k) if a or any(k.values()) else _w)
        yield


@pytest.fixture(scope="session", autouse=True)
def _decode_once() -> Iterator[None]:
    """Most clips of the tests are copies of one file; each content is decoded once."""
    import curate.media.probe as probing

    known: dict[int, dict[str, Any]] = {}
    original = probing.probe

    def probe(paths: list[Path], *a: Any, **k: Any) -> Iterator[dict[str, Any]]:
        for path in paths:
            size = Path(path).stat().st_size
            if size not in known:
                known[size] = next(iter(original([path], *a, **k)))
            yield known[size]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing, "probe", probe)
        yield


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReleaseResult]:
    """A finished release of captions only: the recipe and what was written."""
    recipe = write_project(tmp_path_factory.mktemp("project"))
    run(recipe)
    return recipe, make(recipe)


def draw(path: Path, frames: int, width: int = 832, height: int = 480, fps: int = 24) -> None:
    """A clip of a moving bar."""
    import numpy as np

    from curate.media.encode import write_video

    def images() -> Iterator[Any]:
        for i in range(frames):
            image = np.full((height, width, 3), 90, np.uint8)
            image[:, (i * 4) % width : (i * 4) % width + 40] = 200
            yield image

    write_video(path, images(), fps)


@pytest.fixture(scope="session")
def with_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release_with_clips(tmp_path_factory.mktemp("clips"))


def release_with_clips(folder: Path) -> Path:
    """A release with clips: most of six seconds, one short, one that is no mp4, one row in Chinese only, two captions for one clip."""
    (folder / "clips").mkdir()
    draw(folder / "clips" / "clip-000.mp4", 144)
    draw(folder / "short.mp4", 20)
    draw(folder / "small.webm", 144, 160, 96)
    data = rows(24)
    for i, row in enumerate(data):
        name = f"clips/clip-{i:03d}." + ("webm" if i == 7 else "mp4")
        row["uri"] = name
        if i:
            source = {5: "short.mp4", 7: "small.webm"}.get(i, "clips/clip-000.mp4")
            shutil.copyfile(folder / source, folder / name)
    data[9]["en"] = None
    data.append(
        {
            **data[1],
            "id": "r100",
            "zh": "一位唐代女子缓缓走过回廊，裙摆轻摇。",
            "en": "A woman of the Tang court strolls past pillars, her skirt swaying.",
        }
    )
    steps = STEPS.replace("validation: 0.25, test: 0.25", "validation: 0.1, test: 0.15").replace("cap: 3", "cap: 90")
    recipe = write_project(folder, data, {"media": "copy"}, steps=steps)
    run(recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(card, "draw", lambda *_: ([], "no figures in this test"))
        return make(recipe).path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a project, run it, and return the recipe; its releases have no figures, as ``released`` has them."""
    monkeypatch.setattr(card, "draw", lambda *_: ([], "no figures in this test"))

    def build(**given: Any) -> Path:
        recipe = write_project(tmp_path / "project", **given)
        run(recipe)
        return recipe

    return build
