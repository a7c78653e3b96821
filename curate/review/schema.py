"""The tables of the review store, as migrations. Each runs in one transaction; a released one is never changed again."""

from __future__ import annotations

_V1 = (
    """CREATE TABLE items (item_id TEXT PRIMARY KEY, queue TEXT NOT NULL, record_id TEXT NOT NULL, clip_id TEXT NOT NULL, shown TEXT NOT NULL,
       suggestion TEXT NOT NULL, why TEXT NOT NULL, priority DOUBLE PRECISION NOT NULL, created_at TEXT NOT NULL)""",
    "CREATE INDEX items_queue ON items (queue, item_id)",
    "CREATE TABLE claims (item_id TEXT NOT NULL, reviewer TEXT NOT NULL, expires_at TEXT NOT NULL, PRIMARY KEY (item_id, reviewer))",
    """CREATE TABLE decisions (decision_id TEXT PRIMARY KEY, item_id TEXT NOT NULL REFERENCES items (item_id), reviewer TEXT NOT NULL,
       verdict TEXT NOT NULL CHECK (verdict IN ('accept', 'edit', 'reject', 'skip', 'flag', 'undo')), edits TEXT NOT NULL, labels TEXT NOT NULL,
       note TEXT NOT NULL, seconds DOUBLE PRECISION NOT NULL, app_version TEXT NOT NULL, created_at TEXT NOT NULL)""",
    "CREATE TABLE reviewers (name TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('reviewer', 'lead')), reads TEXT NOT NULL)",
)
_V2 = (
    "ALTER TABLE items ADD COLUMN overlap INTEGER NOT NULL DEFAULT 1",
    # Places still free. It only speeds up `claim`; it is counted anew from the decisions in every transaction that adds one.
    "ALTER TABLE items ADD COLUMN places INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE items ADD COLUMN retired_at TEXT",
    "ALTER TABLE decisions ADD COLUMN kind TEXT NOT NULL DEFAULT 'review' CHECK (kind IN ('review', 'adjudicate'))",
    "ALTER TABLE decisions ADD COLUMN base TEXT",
    "ALTER TABLE decisions ADD COLUMN conflict TEXT",
    "CREATE INDEX decisions_item ON decisions (item_id, reviewer, kind, created_at, decision_id, verdict)",
    "CREATE INDEX decisions_person ON decisions (reviewer, created_at)",
    "CREATE INDEX claims_person ON claims (reviewer, expires_at)",
    # Each holds all that its question needs, so that the captions are not read: the next free item, a page, the counts per queue.
    "CREATE INDEX items_open ON items (queue, priority DESC, item_id, places, retired_at) WHERE places > 0 AND retired_at IS NULL",
    "CREATE INDEX items_page ON items (queue, priority DESC, item_id, places, retired_at) WHERE retired_at IS NULL",
    "CREATE INDEX items_count ON items (retired_at, queue, places, created_at)",
    "CREATE INDEX items_record ON items (record_id)",
    "CREATE TABLE item_tags (tag TEXT NOT NULL, item_id TEXT NOT NULL REFERENCES items (item_id), PRIMARY KEY (tag, item_id))",
    "CREATE INDEX item_tags_item ON item_tags (item_id)",
    """CREATE TABLE drafts (item_id TEXT NOT NULL, reviewer TEXT NOT NULL, body TEXT NOT NULL, updated_at TEXT NOT NULL,
       PRIMARY KEY (item_id, reviewer))""",
    "CREATE TABLE proposals (proposal_id TEXT PRIMARY KEY, reviewer TEXT NOT NULL, term TEXT NOT NULL, created_at TEXT NOT NULL)",
    """CREATE VIEW current_decisions AS SELECT d.* FROM decisions d WHERE NOT EXISTS (SELECT 1 FROM decisions n WHERE n.item_id = d.item_id
       AND n.reviewer = d.reviewer AND n.kind = d.kind AND (n.created_at, n.decision_id) > (d.created_at, d.decision_id))""",
    """UPDATE items SET places = 1 - (SELECT count(DISTINCT c.reviewer) FROM current_decisions c WHERE c.item_id = items.item_id
       AND c.kind = 'review' AND c.verdict IN ('accept', 'edit', 'reject', 'flag'))""",
)
_V3 = (
    # What people took into a set of prompts and what they took out again; append only, the newest row per set and prompt counts.
    """CREATE TABLE prompts (entry_id TEXT PRIMARY KEY, set_name TEXT NOT NULL, prompt_id TEXT NOT NULL, reviewer TEXT NOT NULL,
       act TEXT NOT NULL CHECK (act IN ('accept', 'withdraw')), body TEXT NOT NULL, created_at TEXT NOT NULL)""",
    "CREATE INDEX prompts_set ON prompts (set_name, prompt_id, created_at, entry_id)",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_V1, _V2, _V3)
VERSION = len(MIGRATIONS)
SCHEMA_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)"
