"""README.md of an artefact, in the form that Hugging Face's hub and `datasets` read.

    datasets.load_dataset("<root>/pivots/<version>", "pivots")

The YAML at its beginning names each table's files, so that the folder loads as it is, here or uploaded. It is written
from the manifest, without clock and host: the same artefact has the same README.
"""

from __future__ import annotations

import json

import yaml

from schemas.stages import STAGES
from tasks.store.manifest import Manifest

README = "README.md"
_SENTENCES = {stage.artefact: stage.sentence for stage in STAGES}
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


def readme(manifest: Manifest) -> str:
    """What the artefact is, its counts, what it was made from, how to load it."""
    tables = {table: manifest.table(table) for table in sorted({part.table for part in manifest.parts})}
    counts = {table: sum(part.rows for part in parts) for table, parts in tables.items()}
    front_matter = {
        "pretty_name": str(manifest.ref),
        "license": "other",
        "tags": ["pivotrl", "agents", "tool-use", manifest.stage],
        "size_categories": [next((name for limit, name in _SIZES if manifest.rows < limit), "10M<n<100M")],
        "configs": [
            {
                "config_name": table,
                **({"default": True} if table == manifest.stage else {}),
                "data_files": [{"split": "train", "path": [part.key for part in parts]}],
            }
            for table, parts in tables.items()
            if counts[table]
        ],
    }
    sentence = _SENTENCES.get(manifest.stage, "")
    sections = [
        f"---\n{yaml.safe_dump(front_matter, sort_keys=False)}---",
        f"# {manifest.ref}",
        f"{sentence} Made by pivotrl. The licence is that of the source and the model.".strip(),
        "## Rows\n\n" + _list({table: f"{count:,}" for table, count in counts.items()}),
        "## Counts by reason\n\n" + _list(manifest.reasons) if manifest.reasons else "",
        "## Made from\n\n" + _list(manifest.inputs) if manifest.inputs else "",
        f"## Configuration\n\n```json\n{json.dumps(manifest.config, indent=2, ensure_ascii=False)}\n```",
        _serving(manifest),
        "## Load it\n\n```python\nimport datasets, polars\n"
        f'{manifest.stage} = polars.read_parquet("{manifest.stage}-*.parquet")\n'
        f'{manifest.stage} = datasets.load_dataset(".", "{manifest.stage}", split="train")\n```',
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _serving(manifest: Manifest) -> str:
    """Of a policy whose chat template was rendered with variables: how it is served with the same."""
    options = json.loads(manifest.inputs.get("model_options", "{}"))
    if manifest.stage != "policies" or not options:
        return ""
    pinned = options.pop("date", None)
    date = f" Its prompts named {pinned} as today's date." if pinned else ""
    variables = json.dumps(options, ensure_ascii=False)
    return (
        "## Serve it\n\nIt was trained with these variables of its chat template, so serve it with the same:"
        f"{date}\n\n```bash\nvllm serve FOLDER --default-chat-template-kwargs '{variables}'\n```"
    )


def _list(values: dict[str, str] | dict[str, int]) -> str:
    return "\n".join(f"- {name}: `{value}`" for name, value in values.items())
