"""The profiles of the export targets hold known keys only: a comma in the wrong place would make a new one."""

from __future__ import annotations

from curate.export import profiles


def test_caption_rules_have_known_keys_and_values() -> None:
    for name, profile in profiles().items():
        spec = profile["captions"]
        assert set(spec) <= {"langs", "mode", "encoder", "tokens", "chars"}, name
        assert spec["mode"] in {"one", "list", "per_language"}, name
        assert set(spec["langs"]) <= {"zh", "en"}, name
