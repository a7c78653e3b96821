"""More real loaders, in the manner of ``loaders.py``: Open-Sora 1.x, diffusion-pipe, ai-toolkit, LTX-Video, LTX-2, VideoX-Fun, Data-Juicer."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import tomllib
import types
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock


def _stubs(*names: str) -> None:
    """Stand-ins for packages that the data set imports and does not need."""
    for name in names:
        sys.modules.setdefault(name, MagicMock(name=name))


def _shells(checkout: Path, *packages: str) -> None:
    """Packages without their ``__init__``, so that only the module of the data set runs."""
    for name in packages:
        module = types.ModuleType(name)
        module.__path__ = [str(checkout / Path(*name.split(".")))]
        sys.modules[name] = module


def _module(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def vision() -> None:
    """Import torchvision without the compiled operators, which the CPU build of torch does not have."""
    import torch

    original = torch.library.register_fake

    def lenient(op: Any, *args: Any, **kwargs: Any) -> Any:
        return (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") else original(op, *args, **kwargs)

    torch.library.register_fake = lenient
    import torchvision

    assert torchvision.__version__
    torch.library.register_fake = original


def _video_io() -> None:
    """The functions that newer torchvision no longer has; the loaders read through PyAV or decord."""
    vision()
    import torchvision.io

    for name in ("read_video", "write_video"):
        if not hasattr(torchvision.io, name):
            setattr(torchvision.io, name, None)


def open_sora_1(export: Path, checkout: Path) -> dict[str, Any]:
    """Open-Sora 1.2: VariableVideoTextDataset reads the table and its Bucket places every row; its decoder needs a torchvision before 0.22."""
    _video_io()
    _shells(checkout, "opensora", "opensora.datasets")
    _stubs("opensora.registry", "torchvision.io.video", "colossalai")
    sys.modules["opensora.registry"].DATASETS.register_module = lambda: lambda kind: kind  # type: ignore[attr-defined]
    from opensora.datasets.bucket import Bucket
    from opensora.datasets.datasets import VariableVideoTextDataset

    bucket = Bucket({"144p": {1: (1.0, 1), 51: (1.0, 1), 102: (1.0, 1)}})
    data = VariableVideoTextDataset(str(export / "train.csv"), transform_name="resize_crop")
    placed: dict[str, int] = {}
    for i in range(len(data)):
        found = bucket.get_bucket_id(*(int(v) for v in data.get_data_info(i)), frame_interval=1, seed=0)
        placed[str(found)] = placed.get(str(found), 0) + 1
    kinds = {data.get_type(path) for path in data.data["path"]}
    return {"rows": len(data), "buckets": placed, "kinds": sorted(kinds), "first_text": data.data.iloc[0]["text"]}


def videox_fun(export: Path, checkout: Path) -> dict[str, Any]:
    """VideoX-Fun: ImageVideoDataset; every row is asked for directly, as its loop takes another one for a bad one and never ends."""
    vision()
    _shells(checkout, "videox_fun", "videox_fun.data")
    from videox_fun.data.dataset_image_video import ImageVideoDataset

    out: dict[str, Any] = {}
    for table in sorted(export.glob("metadata_*.json")):
        data = ImageVideoDataset(
            str(table), str(export), video_sample_size=256, video_sample_stride=1, video_sample_n_frames=17, enable_bucket=True, text_drop_ratio=0.0
        )
        items = [data.get_batch(i) for i in range(len(data))]
        assert {kind for _, _, kind, _ in items} == {"video"}
        texts = [r["text"] for r in json.loads(table.read_text(encoding="utf-8"))]
        assert [text for _, text, _, _ in items] == texts
        out[table.stem.removeprefix("metadata_")] = {"rows": len(items), "first": list(items[0][0].shape)}
    return out


def _typer_fault(parse: Any, text: str) -> str | None:
    import typer

    try:
        parse(text)
    except typer.BadParameter as e:
        return str(e)
    return None


def ltx(export: Path, checkout: Path) -> dict[str, Any]:
    """LTX-Video-Trainer: MediaDataset of its script, with buckets as its command line takes them."""
    vision()
    _stubs("pillow_heif", "transformers", "transformers.utils", "transformers.utils.logging")
    _stubs("ltxv_trainer", "ltxv_trainer.ltxv_utils", "ltxv_trainer.model_loader", "ltxv_trainer.utils")
    module = _module(checkout / "scripts" / "process_videos.py", "ltx_process_videos")
    buckets = module.parse_resolution_buckets("320x160x89")
    data = module.MediaDataset(export / "dataset.json", "media_path", "media_path", buckets)
    refused = [t for t in ("512x300x121", "512x288x120") if _typer_fault(module.parse_resolution_buckets, t)]
    item = data[0]
    return {
        "rows": len(data),
        "listed": len(data.main_media_paths),
        "first": list(item["video"].shape),
        "path": item["relative_path"],
        "refused": refused,
    }


def ltx_2(export: Path, checkout: Path) -> dict[str, Any]:
    """LTX-2 ltx-trainer: MediaDataset of its script with the column ``video``."""
    vision()
    _stubs("pillow_heif", "transformers", "transformers.utils", "transformers.utils.logging", "torchaudio", "accelerate")
    _stubs("ltx_core", "ltx_core.model", "ltx_core.model.audio_vae", "ltx_core.types", "ltx_trainer", "ltx_trainer.model_loader", "ltx_trainer.utils")
    root = checkout / "packages" / "ltx-trainer"
    _module(root / "src" / "ltx_trainer" / "video_utils.py", "ltx_trainer.video_utils")
    module = _module(root / "scripts" / "process_videos.py", "ltx2_process_videos")
    data = module.MediaDataset(export / "dataset.json", "video", "video", [(89, 160, 320)])
    item = data[0]
    return {"rows": len(data), "listed": len(json.loads((export / "dataset.json").read_text(encoding="utf-8"))), "first": list(item["video"].shape)}


class _Video:
    """What diffusion-pipe asks of ComfyUI's video type, by PyAV."""

    def __init__(self, path: str) -> None:
        import av

        with av.open(path) as container:
            stream = container.streams.video[0]
            self._size = (stream.width, stream.height)
            self._rate = stream.average_rate
            self._frames = sum(1 for _ in container.decode(stream))

    def get_dimensions(self) -> tuple[int, int]:
        return self._size

    def get_frame_count(self) -> int:
        return self._frames

    def get_frame_rate(self) -> Any:
        return self._rate


def diffusion_pipe(export: Path, checkout: Path) -> dict[str, Any]:
    """diffusion-pipe: DirectoryDataset reads the TOML, the captions and every clip, and places it in a bucket at Wan's 16 frames a second."""
    _stubs(
        "deepspeed",
        "deepspeed.comm",
        "deepspeed.comm.comm",
        "deepspeed.utils",
        "deepspeed.utils.logging",
        "comfy_api",
        "comfy_api.latest",
        "comfy",
        "comfy.model_management",
    )
    sys.modules["comfy_api.latest"].InputImpl.VideoFromFile = _Video  # type: ignore[attr-defined]
    sys.path.insert(0, str(checkout))
    _shells(checkout, "utils")
    import utils.common

    utils.common.is_main_process = lambda: True
    import utils.dataset as module

    module.NUM_PROC = 1
    config = tomllib.loads((export / "dataset.toml").read_text(encoding="utf-8"))
    folder = Path(tempfile.mkdtemp(prefix="leishu-pipe-"))
    try:
        # Its cache lies beside the media.
        shutil.copytree(config["directory"][0]["path"], folder / "clips", symlinks=False)
        entry = {**config["directory"][0], "path": str(folder / "clips")}
        data = module.DirectoryDataset(entry, config, "wan", framerate=16)
        data.validate()
        data.cache_metadata(regenerate_cache=True)
        rows = [r for part in data.ar_bucket_datasets for r in part.metadata_dataset]
        shapes: dict[str, int] = {}
        for row in rows:
            shapes[str(row["ar_bucket"][1])] = shapes.get(str(row["ar_bucket"][1]), 0) + 1
        return {"rows": len(rows), "captions": sum(len(r["caption"]) for r in rows), "frames": shapes}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ai_toolkit(export: Path, checkout: Path) -> dict[str, Any]:
    """ai-toolkit: DatasetConfig takes the YAML block, AiToolkitDataset finds clips and captions and puts them into buckets."""
    import yaml

    vision()
    sys.path.insert(0, str(checkout))
    _stubs("torchaudio", "torchao", "torchao.quantization", "torchao.quantization.quant_primitives", "albumentations", "transformers", "diffusers")
    for name in (
        "audio",
        "audio.album_artwork",
        "audio.preserve_pitch",
        "prompt_utils",
        "control_generator",
        "metadata",
        "models",
        "models.pixtral_vision",
    ):
        _stubs(f"toolkit.{name}")
    _stubs("toolkit.train_tools", "toolkit.accelerator", "toolkit.basic", "toolkit.util", "toolkit.util.video")
    sys.modules["toolkit.basic"].get_quick_signature_string = lambda path: str(os.stat(path).st_size)  # type: ignore[attr-defined]
    from toolkit.config_modules import DatasetConfig, preprocess_dataset_raw_config
    from toolkit.data_loader import AiToolkitDataset

    sys.modules["toolkit.data_loader"].print_acc = lambda *_: None  # type: ignore[attr-defined]
    model = MagicMock()
    model.get_bucket_divisibility.return_value = 16
    model.is_audio_model = model.encode_control_in_text_embeddings = model.encode_first_frame_in_text_embeddings = False
    model.model_config.latent_space_version = model.latent_space_version = "wan21"
    model.vae.config.scale_factor_temporal = model.unet.config.temporal_compression_ratio = 4
    out: dict[str, Any] = {}
    for path in sorted(export.glob("config_*.yaml")):
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))["datasets"]
        lang = path.stem.removeprefix("config_")
        with tempfile.TemporaryDirectory(prefix="leishu-aitk-") as folder:
            # Its size file lies beside the media.
            shutil.copytree(raw[0]["folder_path"], Path(folder) / lang)
            (block,) = preprocess_dataset_raw_config([{**raw[0], "folder_path": str(Path(folder) / lang)}])
            data = AiToolkitDataset(DatasetConfig(**block), 1, model)
            captions = {}
            for item in data.file_list:
                item.load_caption(None)
                captions[Path(item.path).stem] = item.raw_caption
            sizes = {f"{i.crop_width}x{i.crop_height}" for i in data.file_list}
        written = {p.stem: p.read_text(encoding="utf-8") for p in (export / lang).glob("*.txt")}
        assert captions == written, "every clip with its own caption, to the last character"
        assert not [c for c in captions.values() if c != c.strip()], "it would train on the line end"
        out[lang] = {"rows": len(captions), "sizes": sorted(sizes)}
    return out


def data_juicer(export: Path, checkout: Path) -> dict[str, Any]:
    """Data-Juicer: one of its own video filters computes its statistics on every row, through the markers and paths of the export."""
    sys.path.insert(0, str(checkout))
    _stubs("wget", "wget.download")
    _shells(checkout, "data_juicer.ops", "data_juicer.ops.filter", "data_juicer.core")
    _stubs("data_juicer.core.data")
    sys.modules["data_juicer.core.data"].wrap_func_with_nested_access = lambda function: function  # type: ignore[attr-defined]
    from data_juicer.ops.filter import video_duration_filter as module
    from data_juicer.utils.constant import Fields, StatsKeys
    from data_juicer.utils.mm_utils import SpecialTokens

    rows = [json.loads(line) for line in (export / "data.jsonl").read_text(encoding="utf-8").split("\n") if line]
    # Its way of closing a stream is gone from newer PyAV.
    module.close_video = lambda container: container.close()
    op = module.VideoDurationFilter(min_duration=0.1)
    seconds, kept = [], 0
    for row in rows:
        assert row["text"].count(SpecialTokens.video) == len(row["videos"])
        done = op.compute_stats_single({**row, Fields.stats: {}})
        seconds += [float(s) for s in done[Fields.stats][StatsKeys.video_duration]]
        kept += bool(op.process_single(done))
    return {"rows": len(rows), "kept": kept, "seconds": [round(min(seconds), 2), round(max(seconds), 2)]}


LOADERS = {
    "open-sora-1": open_sora_1,
    "videox-fun": videox_fun,
    "ltx-video": ltx,
    "ltx-2": ltx_2,
    "diffusion-pipe": diffusion_pipe,
    "ai-toolkit": ai_toolkit,
    "data-juicer": data_juicer,
}
