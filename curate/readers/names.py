"""The usual names of columns, and captions in cells that hold JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from curate import langid

# The usual names, in order of trust; compared in lower case with '-', ' ' and '.' as '_'.
NAMES: dict[str, tuple[str, ...]] = {
    "zh": ("zh", "caption_zh", "zh_caption", "text_zh", "zh_text", "prompt_zh", "zh_prompt", "caption_cn", "text_cn", "cn", "chinese",
           "caption_chinese", "chinese_caption", "zh_cn", "caption_zh_cn", "zh_hans", "zh_hant", "caption_zh_hant", "zh_tw", "中文", "中文描述",
           "中文字幕", "描述", "文本", "说明", "說明", "提示词", "文案", "标题", "標題", "字幕", "title_zh", "description_zh"),
    "en": ("en", "caption_en", "en_caption", "text_en", "en_text", "prompt_en", "en_prompt", "english", "caption_english", "english_caption",
           "en_us", "英文", "英文描述", "title_en", "description_en"),
    "caption": ("caption", "captions", "text", "prompt", "description", "cap", "txt", "sentence", "instruction", "title", "content", "blip_caption"),
    "source_id": ("id", "uid", "key", "__key__", "row_id", "sample_id", "source_id", "编号", "編號", "序号"),
    "clip_id": ("clip_id", "clip", "video_id", "videoid", "image_id", "media_id", "vid", "youtube_id"),
    "uri": ("uri", "path", "video_path", "video", "file_name", "filename", "file", "image", "image_path", "url", "clip_path", "media_path",
            "media_file", "filepath", "视频", "視頻", "影片", "路径", "路徑", "文件名", "视频文件"),
    "start_s": ("start_s", "start", "start_time", "begin", "start_sec"),
    "end_s": ("end_s", "end", "end_time", "stop", "end_sec"),
    "license": ("license", "licence", "license_id", "许可", "授权"),
    "attribution": ("attribution", "author", "credit"),
    "media": ("media", "media_type", "modality"),
    "zh_origin": ("zh_origin",),
    "en_origin": ("en_origin",),
    "media_sha256": ("media_sha256", "sha256"),
    "extra": ("extra",),
}  # fmt: skip
# Names of caption columns that say their language: 英文说明, 中文标题, desc_cn, Description (English).
_SAYS = "说明|說明|描述|文本|字幕|标题|標題|提示词|译文|譯文|翻译|翻譯|原文|内容|內容|句子|文案|caption|text|prompt"
_KINDS = "captions?|cap|text|txt|prompt|desc|descriptions?|sentence|title"
_TONGUES = {"zh": ("中文|汉语|漢語|简体|繁体|繁體", "zh|cn|chs|cht|chinese"), "en": ("英文|英语|英語", "en|eng|english")}
NAMED = {
    lang: re.compile(rf"(?:{han})_?(?:{_SAYS})|(?:{_KINDS}|{_SAYS})_(?:{han}|{latin})|(?:{latin})_(?:{_KINDS})")
    for lang, (han, latin) in _TONGUES.items()
}
_CAPTIONS = {name: target for target in ("zh", "en", "caption") for name in NAMES[target]}


def plain_name(name: str) -> str:
    """Return a column's name as names are compared.

    Example:
        >>> plain_name("Description (English)")
        'description_english'
    """
    return re.sub(r"[-.\s(（]+", "_", name.strip().strip(")）").lower())


def captions_in(cell: str, column: str) -> dict[str, str] | None:
    """Read the captions of a cell of JSON, such as a list of captions or ``{"zh": …, "en": …}``.

    Args:
        cell: the text of the cell.
        column: ``zh``, ``en`` or ``caption``, which stands for either language.

    Returns:
        Lines of captions by column; ``None`` if the cell is no JSON, or a list of something else.

    Example:
        >>> captions_in('{"zh": "龙舟", "en": ["a boat", "boats"]}', "caption")
        {'zh': '龙舟', 'en': 'a boat\\nboats'}
        >>> captions_in("[1]", "caption") is None
        True
    """
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    found: dict[str, list[str]] = {}
    for target, text in _captions(value, column):
        found.setdefault(target, []).append(text)
    return None if isinstance(value, list) and value and not found else {target: "\n".join(texts) for target, texts in found.items()}


def _captions(value: Any, target: str) -> Iterator[tuple[str, str]]:
    """Yield the column and the text of each caption in a JSON value; keys that name no caption are passed over."""
    if isinstance(value, dict):
        target = _CAPTIONS.get(plain_name(str(value.get("lang") or value.get("language") or "")), target)
        for key, inner in value.items():
            named = _CAPTIONS.get(plain_name(key))
            if named:
                yield from _captions(inner, target if named == "caption" else named)
    elif isinstance(value, list):
        for inner in value:
            yield from _captions(inner, target)
    elif isinstance(value, str) and value.strip():
        parts = zip(("zh", "en"), langid.split_mixed(value), strict=True) if target == "caption" else ((target, value),)
        yield from (part for part in parts if part[1])
