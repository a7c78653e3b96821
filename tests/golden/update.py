"""``python -m tests.golden.update``: write the golden files anew, after a change that was meant."""

from __future__ import annotations

import json

from tests.golden.stages import FILE, current


def main() -> None:
    FILE.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote {FILE.name}")


if __name__ == "__main__":
    main()
