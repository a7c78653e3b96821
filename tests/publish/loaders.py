"""The real loaders of trainers, opt-in: they are heavy or are not on PyPI, so they are run from a checkout that you name.

    python -m tests.publish.loaders NAME EXPORT_FOLDER [CHECKOUT]

Prints one JSON line: what the loader made of the export. Nothing of these projects is part of this one.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

from tests.publish import loaders_more


def _shells(checkout: Path, *packages: str) -> None:
    """Packages without their ``__init__``, so that only the module of the data set runs."""
    for name in packages:
        module = types.ModuleType(name)
        module.__path__ = [str(checkout / Path(*name.split(".")))]
        sys.modules[name] = module


def musubi(export: Path, checkout: Path) -> dict[str, Any]:
    """musubi-tuner: its strict configuration schema, its blueprint, and the batches it would encode."""
    sys.path.insert(0, str(checkout / "src"))
    from musubi_tuner.dataset import config_utils as cu
    from musubi_tuner.dataset.image_video_dataset import ARCHITECTURE_WAN

    out: dict[str, Any] = {}
    for config in sorted(export.glob("dataset_*.toml")):
        user = cu.load_user_config(str(config))
        blueprint = cu.BlueprintGenerator(cu.ConfigSanitizer()).generate(user, argparse.Namespace(), architecture=ARCHITECTURE_WAN)
        group = cu.generate_dataset_group_by_blueprint(blueprint.dataset_group)
        shapes: dict[str, int] = {}
        for dataset in group.datasets:
            for bucket, batch in dataset.retrieve_latent_cache_batches(1):
                shapes[str(tuple(bucket))] = shapes.get(str(tuple(bucket)), 0) + len(batch)
        out[config.name] = shapes
    return out


def cogvideox(export: Path, checkout: Path) -> dict[str, Any]:
    """CogVideoX: the functions its data set reads lists and frames with."""
    loaders_more.vision()
    spec = importlib.util.spec_from_file_location("cog_utils", checkout / "finetune/datasets/utils.py")
    assert spec is not None
    assert spec.loader is not None
    utils = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(utils)
    texts, paths = utils.load_prompts(export / "prompts.txt"), utils.load_videos(export / "videos.txt")
    assert len(texts) == len(paths)
    shapes = {str(tuple(utils.preprocess_video_with_resize(p, 49, 480, 720).shape)) for p in paths[:3]}
    return {"pairs": len(texts), "shapes": sorted(shapes)}


def diffsynth(export: Path, checkout: Path) -> dict[str, Any]:
    """DiffSynth-Studio: UnifiedDataset on each language."""
    loaders_more.vision()
    _shells(checkout, "diffsynth", "diffsynth.core", "diffsynth.core.data")
    spec = importlib.util.spec_from_file_location("diffsynth.core.data.unified_dataset", checkout / "diffsynth/core/data/unified_dataset.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = {}
    for lang in ("zh", "en"):
        operator = module.UnifiedDataset.default_video_operator(
            base_path=str(export / lang), max_pixels=480 * 832, height=480, width=832, num_frames=49
        )
        data = module.UnifiedDataset(
            base_path=str(export / lang), metadata_path=str(export / lang / "metadata.csv"), data_file_keys=("video",), main_data_operator=operator
        )
        first = data[0]
        out[lang] = {"rows": len(data), "frames": len(first["video"]), "size": list(first["video"][0].size), "prompt": first["prompt"]}
    return out


def simpletuner(export: Path, checkout: Path) -> dict[str, Any]:
    """SimpleTuner: its own validation of the back end's configuration."""
    loaders_more.vision()
    _shells(checkout, "simpletuner", "simpletuner.helpers", "simpletuner.helpers.data_backend", "simpletuner.helpers.data_backend.config")
    from simpletuner.helpers.data_backend.config.image import ImageBackendConfig

    backends = json.loads((export / "multidatabackend.json").read_text(encoding="utf-8"))
    args = {"resolution": 480, "resolution_type": "pixel_area", "model_family": "wan", "caption_strategy": "textfile"}
    config = ImageBackendConfig.from_dict(backends[0], args)
    config.validate(args)
    bad = {**backends[0], "video": {"num_frames": 81, "min_frames": 10}}
    try:
        ImageBackendConfig.from_dict(bad, args).validate(args)
    except ValueError as e:
        return {"accepted": config.id, "refuses_fewer_frames": str(e)[:90]}
    return {"accepted": config.id, "refuses_fewer_frames": None}


def _stubs(*names: str) -> None:
    """Stand-ins for packages that the data set imports and does not need."""
    from unittest.mock import MagicMock

    for name in names:
        sys.modules.setdefault(name, MagicMock(name=name))


def open_sora(export: Path, checkout: Path) -> dict[str, Any]:
    """Open-Sora 2.0: VideoTextDataset reads the table, Bucket places every row, one clip is decoded for its bucket."""
    loaders_more.vision()
    import torchvision.io

    for name in ("read_video", "write_video"):
        if not hasattr(torchvision.io, name):
            setattr(torchvision.io, name, None)
    sys.path.insert(0, str(checkout))
    _shells(checkout, "opensora", "opensora.utils", "opensora.datasets")
    _stubs(
        "colossalai",
        "mmengine",
        "mmengine.registry",
        "mmengine.config",
        "rotary_embedding_torch",
        "torchvision.io.video",
        "opensora.utils.logger",
        "opensora.registry",
    )
    sys.modules["opensora.registry"].DATASETS.register_module = lambda _name: lambda kind: kind  # type: ignore[attr-defined]
    from opensora.datasets.bucket import Bucket
    from opensora.datasets.datasets import VideoTextDataset

    frames = {1: (1.0, 1), **{f: (1.0, 1) for f in range(5, 130, 4)}}
    bucket = Bucket({"256px": frames})
    data = VideoTextDataset(transform_name="resize_crop", data_path=str(export / "train.csv"), fps_max=24)
    placed: dict[str, int] = {}
    first = None
    for i in range(len(data)):
        row = data.data.iloc[i]
        found = bucket.get_bucket_id(int(row["num_frames"]), int(row["height"]), int(row["width"]), float(row["fps"]), fps_max=24)
        placed[str(found)] = placed.get(str(found), 0) + 1
        if first is None and found is not None:
            t, h, w = bucket.get_thw(found[:3])
            item = data.getitem(f"{i}-{t}-{h}-{w}")
            first = {"text": item["text"], "shape": list(item["video"].shape)}
    return {"rows": len(data), "buckets": placed, "first": first}


def open_sora_plan(export: Path, checkout: Path) -> dict[str, Any]:
    """Open-Sora-Plan 1.3: T2V_dataset builds its index and decodes one clip for 93x352x640."""
    loaders_more.vision()
    _shells(checkout, "opensora", "opensora.dataset", "opensora.utils")
    _stubs("wandb", "accelerate", "accelerate.logging", "torch.utils.tensorboard", "opensora.npu_config", "opensora.models", "torch_npu")
    diffusers = types.ModuleType("diffusers")
    inner = types.ModuleType("diffusers.utils")
    inner.is_bs4_available = inner.is_ftfy_available = lambda: True  # type: ignore[attr-defined]
    sys.modules.update({"diffusers": diffusers, "diffusers.utils": inner})
    import torch
    from opensora.dataset.t2v_datasets import T2V_dataset, dataset_prog
    from opensora.dataset.transform import CenterCropResizeVideo, TemporalRandomCrop, ToTensorAfterResize  # noqa: F401

    said: list[str] = []

    def tokenizer(text: list[str], **_: Any) -> dict[str, Any]:
        said.extend(text)
        return {"input_ids": torch.zeros(1, 512), "attention_mask": torch.ones(1, 512)}

    args = types.SimpleNamespace(
        data=str(export / "data.txt"), num_frames=93, train_fps=16, model_max_length=512, cfg=0.0, speed_factor=1.0, max_height=352, max_width=640,
        drop_short_ratio=0.0, hw_stride=32, force_resolution=True, max_hxw=None, min_hxw=None, sp_size=1, use_decord=True, ae_stride_t=4, total_batch_size=1,
        text_encoder_name_1="google/mt5-xxl", text_encoder_name_2=None, dataloader_num_workers=1,
    )  # fmt: skip
    data = T2V_dataset(args, CenterCropResizeVideo((352, 640)), TemporalRandomCrop(93), tokenizer, None)
    item = data.get_data(0)
    return {
        "rows": len(dataset_prog.cap_list),
        "shapes": {k: len(v) for k, v in data.shape_idx_dict.items()},
        "first": list(item["pixel_values"].shape),
        "text": said,
    }


def videotuna(export: Path, checkout: Path) -> dict[str, Any]:
    """VideoTuna: DatasetFromCSV at 320x512, 16 frames, interval 3."""
    loaders_more.vision()
    import torchvision.io

    for name in ("read_video", "write_video"):
        if not hasattr(torchvision.io, name):
            setattr(torchvision.io, name, None)
    sys.path.insert(0, str(checkout))
    _shells(checkout, "videotuna", "videotuna.data", "videotuna.utils")
    from videotuna.data.datasets import DatasetFromCSV

    data = DatasetFromCSV(str(export / "train.csv"), data_root=str(export), height=320, width=512, num_frames=16, frame_interval=3)
    item = data.getitem(0)
    return {"rows": len(data), "shape": list(item["video"].shape), "caption": item.get("caption"), "fps": float(item.get("fps", 0))}


def capcut_cli(export: Path, checkout: Path) -> dict[str, Any]:
    """capcut-cli (npm): its linter on the draft; CHECKOUT is the program."""
    done = subprocess.run([str(checkout), "lint", str(export / "draft"), "--max-chars", "42"], capture_output=True, text=True, check=False)
    return {"exit": done.returncode, "said": (done.stdout or done.stderr)[:1500]}


LOADERS = {
    **loaders_more.LOADERS,
    "musubi-tuner": musubi,
    "cogvideox": cogvideox,
    "diffsynth-studio": diffsynth,
    "simpletuner": simpletuner,
    "open-sora-2": open_sora,
    "open-sora-plan": open_sora_plan,
    "videotuna": videotuna,
    "capcut": capcut_cli,
}

if __name__ == "__main__":
    name, folder, *rest = sys.argv[1:]
    print(json.dumps(LOADERS[name](Path(folder), Path(rest[0]) if rest else Path()), ensure_ascii=False))
