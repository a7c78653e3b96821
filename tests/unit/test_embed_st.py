"""The embedder of sentence-transformers, with a real model that is made here: tiny, of random weights, no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curate import plain
from curate.embed import make_embedder
from curate.errors import RecipeError
from curate.run import run

pytest.importorskip("sentence_transformers", reason="needs leishu[st]")

TEXTS = ["端午节的龙舟竞渡", "", "dragon boats race", "端午节的龙舟竞渡"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    letters = sorted({c for t in TEXTS for c in t.replace(" ", "")} | set("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    words = Transformer(str(folder / "bert"))
    SentenceTransformer(modules=[words, Pooling(32)], device="cpu").save(str(folder / "model"))
    return folder / "model"


def test_vectors_are_of_unit_length_and_empty_texts_are_zero(model: Path) -> None:
    embedder = make_embedder("st", str(model))
    got = embedder.encode(TEXTS)
    assert got.shape == (4, embedder.dim) == (4, 32)
    assert np.linalg.norm(got, axis=1) == pytest.approx([1, 0, 1, 1], abs=1e-5)
    assert np.allclose(got[0], got[3])
    assert not np.allclose(got[0], got[2], atol=1e-3)


def test_the_digest_knows_the_prompt_and_not_the_place(model: Path, tmp_path: Path) -> None:
    import shutil

    moved = shutil.copytree(model, tmp_path / "elsewhere")
    plain_one = make_embedder("st", str(model))
    assert make_embedder("st", str(moved)).sha256 == plain_one.sha256
    assert make_embedder("st", str(model), prompt="query: ").sha256 != plain_one.sha256


def test_a_recipe_and_the_plain_commands_take_it(model: Path, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": "a", "zh": "唐代舞者在宫殿里跳舞", "en": "A Tang dynasty dancer"}\n', encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(
        f"recipe: 1\nname: st\ninputs: [{{name: c, path: c.jsonl}}]\nresources: {{embedder: {{name: st, model: {str(model)!r}}}}}\n"
        "steps: [normalize, language, match, embed, theme]\n",
        encoding="utf-8",
    )
    rows = run(tmp_path / "recipe.yaml", tmp_path / "ws").table()
    assert [e["id"] for e in rows["eras"][0]] == ["tang"]
    assert len(rows["zh_vector"][0]) == 32
    assert plain.tag(["唐代舞者在宫殿里跳舞"], plain.default_resources("st", str(model)))[0]["eras"] == ["tang"]


def test_a_model_that_is_not_there_is_a_recipe_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RecipeError, match="cannot load the embedder"):
        make_embedder("st", str(tmp_path / "nothing"))
    with pytest.raises(RecipeError, match="needs a model"):
        make_embedder("st")
