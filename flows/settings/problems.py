"""What pydantic finds wrong with settings, as sentences that name the key as a person writes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

_NOT_SETTINGS = ("model_type", "model_attributes_type", "dict_type")


def problems(settings: Any, error: ValidationError, name: str = "configuration") -> str:
    """Every problem, one a line.

    Args:
        settings: the model, or the union of models, that was validated.
        name: stands for the whole where no key is to blame.
    """
    return "\n".join(f"  {_sentence(settings, dict(found), name)}" for found in error.errors())


def nearest(word: str, known: Iterable[str]) -> str:
    """What a mistyped word may have meant: a hint to put behind a sentence; empty where nothing is near."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _sentence(settings: Any, error: Mapping[str, Any], name: str) -> str:
    kind, given = error["type"], error["input"]
    parts, parent, found = _place(settings, error["loc"])
    key = ".".join(parts)
    if kind == "extra_forbidden":
        return f"{key}: no such key{nearest(parts[-1], _fields(parent))}"
    if kind == "missing":
        return f"{key}: must be given{_meaning(parent, parts[-1])}"
    if kind == "union_tag_invalid":
        tag, kinds = error["ctx"]["tag"], _kinds(found)
        hint = nearest(str(tag), kinds) or f"; there are {', '.join(kinds)}"
        return f"{_under(key, 'kind')}: no such kind {tag!r}{hint}"
    if kind == "union_tag_not_found":
        return f"{_under(key, 'kind')}: must be given: one of {', '.join(_kinds(found))}"
    if kind in _NOT_SETTINGS:
        return f"{key or name}: {_a_value_for_settings(key, found, given)}"
    if kind == "credentials":
        return f"{key}: {error['msg']}"
    if kind == "value_error":  # raised by a check of ours, whose text says all
        return ": ".join([*([key] if key else []), str(error["ctx"]["error"])])
    return f"{key or name}: {error['msg']} (given: {given!r:.80})"


def _place(settings: Any, location: Iterable[str | int]) -> tuple[list[str], Any, Any]:
    """The parts of a key as they are written, without the kinds that pydantic puts between them; the type that holds
    the last, and its own."""
    parts: list[str] = []
    parent, found = None, settings
    for part in location:
        kinds = _kinds(found)
        if part in kinds:
            found = kinds[str(part)]
        else:
            parts.append(str(part))
            parent, found = found, _inside(found, str(part))
    return parts, parent, found


def _inside(annotation: Any, part: str) -> Any:
    """The type of a field of a model, or of the values of a mapping or sequence."""
    plain = _plain(annotation)
    if _is_model(plain):
        return plain.model_fields[part].annotation if part in plain.model_fields else None
    arguments = [argument for argument in get_args(plain) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _kinds(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models of a union by the value of their field `kind`; none where there is no such union."""
    plain = _plain(annotation)
    models = get_args(plain) if get_origin(plain) in (Union, UnionType) else ()
    return {one.model_fields["kind"].default: one for one in models if "kind" in _fields(one)}


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields(annotation: Any) -> list[str]:
    return list(annotation.model_fields) if _is_model(annotation) else []


def _meaning(model: Any, field: str) -> str:
    """What a setting is, and of a section the keys that must be given too."""
    found = model.model_fields[field] if field in _fields(model) else None
    if found is not None and _is_model(found.annotation):
        needed = [name for name, inner in found.annotation.model_fields.items() if inner.is_required()]
        return f", with {' and '.join(f'{field}.{name}' for name in needed)}" if needed else ""
    return f". {found.description}" if found is not None and found.description else ""


def _a_value_for_settings(key: str, annotation: Any, given: Any) -> str:
    kinds = _kinds(annotation)
    if isinstance(given, str) and given in kinds:
        return f"write {_under(key, 'kind')}={given}"
    if kinds:
        hint = nearest(given, kinds) if isinstance(given, str) else ""
        return f"holds settings, the first of them {_under(key, 'kind')} (given: {given!r:.80}){hint}"
    return f"holds settings of its own: write {_under(key, 'KEY')}=VALUE (given: {given!r:.80})"


def _under(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
