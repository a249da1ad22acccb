"""The model that a configuration names: where it is, its version, and its folder on this machine.

desk                  the small policy built in
path/to/folder        a local folder; its version is the hash of its files
org/name[@revision]   a hub id; its version is the resolved revision
policies@VERSION      one that this pipeline trained; policies@promoted is the one in use
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.errors import ConfigurationError, InputError
from tasks.store.manifest import Ref
from tasks.store.store import Store

DESK = Path(__file__).parent / "desk"
_CHUNK = 1 << 22
_WEIGHTS = ("*.safetensors", "*.bin")
_OTHER_WEIGHTS = ("*.pt", "*.pth", "*.gguf", "*.h5", "*.msgpack", "*.onnx")
"""In further formats: not used, and large."""


class Policy(BaseModel):
    """A policy by place and content, and the variables with which its chat template is rendered.

    `location` is "desk", a folder, `id@revision`, or `policies@version`.
    """

    model_config = ConfigDict(frozen=True)

    location: str
    version: str
    options: dict[str, Any] = {}

    @property
    def inputs(self) -> dict[str, str]:
        """What the rows of an artefact that the policy took part in depend on."""
        options = {"model_options": json.dumps(self.options, sort_keys=True)} if self.options else {}
        return {"policy": self.version, **options}


def resolve(model: str, store: Store, options: Mapping[str, Any] | None = None) -> Policy:
    """The policy that a configuration names.

    Args:
        options: variables of its chat template.

    Raises:
        ConfigurationError: there is no such model.
        NotInStore: no such policy.
        InputError: a folder that holds no usable model (no config.json, weights, tokenizer or chat template).
    """
    options = dict(options or {})
    if model.startswith("policies@"):
        return stored_policy(store.manifest(store.resolve(model)).ref, options)
    folder = local_folder(model)
    if folder is not None:
        location = "desk" if model == "desk" else str(folder.resolve())
        return Policy(location=location, version=_folder_version(folder), options=options)
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise ConfigurationError(
            f"model {model!r}: no such folder, and not a hub id (org/name), desk, or policies@VERSION"
        )
    return _resolve_hub(model, options)


def local_folder(model: str) -> Path | None:
    """The folder that a configuration names; None for a model on the hub or in the store.

    Raises:
        InputError: as `check_folder`.
    """
    folder = DESK if model == "desk" else Path(model).expanduser()
    if not folder.is_dir():
        return None
    check_folder(folder)
    return folder


def stored_policy(ref: Ref, options: Mapping[str, Any] | None = None) -> Policy:
    """The policy of an artefact in the store."""
    return Policy(location=str(ref), version=str(ref), options=dict(options or {}))


def check_folder(folder: Path) -> None:
    """Refuse at once a folder that would make a run fail after an hour.

    Raises:
        InputError: naming what is missing and where it belongs.
    """
    for needed in ("config.json", "tokenizer_config.json"):
        if not (folder / needed).is_file():
            raise InputError(
                f"model folder {folder}: no {needed}; save the model and its tokenizer with save_pretrained"
            )
        try:
            settings = json.loads((folder / needed).read_text())
        except ValueError as error:
            raise InputError(f"model folder {folder}: {needed} is not JSON: {error}") from error
    if not any(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        raise InputError(f"model folder {folder}: no weights ({' or '.join(_WEIGHTS)})")
    if not settings.get("chat_template") and not any(folder.glob("chat_template*")):
        raise InputError(
            f"model folder {folder}: its tokenizer has no chat template, so no state can be rendered; "
            "put the template that the policy was trained with into chat_template.jinja there"
        )


def _folder_version(folder: Path) -> str:
    """A hash of names and contents."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md"):
        name = path.relative_to(folder)
        # Hidden files are no content: the hub's client keeps the times of its downloads in `.cache`.
        if any(part.startswith(".") for part in name.parts):
            continue
        content = hashlib.sha256()
        with path.open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                content.update(chunk)
        digest.update(f"{name}\0{content.hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _resolve_hub(model: str, options: dict[str, Any]) -> Policy:
    from huggingface_hub import HfApi  # 0.3 s that local models do not pay

    name, _, revision = model.partition("@")
    try:
        resolved = HfApi().model_info(name, revision=revision or None).sha
    except Exception as error:  # the hub's client raises some twenty kinds; all mean the same to the user
        raise ConfigurationError(f"model {model!r}: no such folder, and the hub did not resolve it: {error}") from error
    return Policy(location=f"{name}@{resolved}", version=f"{name}@{resolved}", options=options)


def config_json(location: str, store: Store) -> dict[str, Any]:
    """The content of the model's config.json; nothing where it is not at hand."""
    if location.startswith("policies@"):
        ref = Ref.parse(location)
        keys = [file.key for file in store.manifest(ref).files if file.name == "config.json"]
        content = json.loads(store.objects.get(f"{ref.stage}/{ref.version}/{keys[0]}")) if keys else None
    else:
        path = (DESK if location == "desk" else Path(location)) / "config.json"
        content = json.loads(path.read_text()) if path.is_file() else None
    return content if isinstance(content, dict) else {}


def fetch(policy: Policy, store: Store, workspace: Path) -> Path:
    """The policy's folder on this machine, downloaded into `workspace` where it is not local."""
    return _fetch(policy.location, store, workspace, weights=True)


def fetch_tokenizer(location: str, store: Store, workspace: Path) -> Path:
    """As `fetch`, of a `Policy.location`, but what has to be downloaded comes without the weights."""
    return _fetch(location, store, workspace, weights=False)


def _fetch(location: str, store: Store, workspace: Path, *, weights: bool) -> Path:
    if location == "desk":
        return DESK
    left_out = () if weights else (*_WEIGHTS, *_OTHER_WEIGHTS)
    if location.startswith("policies@"):
        version = location.partition("@")[2]
        return store.fetch_files(Ref(stage="policies", version=version), workspace / version, left_out)
    if Path(location).is_dir():
        return Path(location)
    from huggingface_hub import snapshot_download

    name, _, revision = location.partition("@")
    return Path(snapshot_download(name, revision=revision, ignore_patterns=list(left_out) or None))
