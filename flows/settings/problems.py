"""Say what pydantic finds wrong with settings in sentences that name the key as a person writes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

_NOT_SETTINGS = ("model_type", "model_attributes_type", "dict_type")


def problems(settings: Any, error: ValidationError, name: str = "configuration") -> str:
    """Every problem, one per line.

    Args:
        settings: the model, or the union of models, that was validated.
        name: stands for the whole where no key is to blame.
    """
    return "\n".join(f"  {_sentence(settings, dict(problem), name)}" for problem in error.errors())


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to put behind a sentence: what a mistyped word may have meant. Empty where nothing is near."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _sentence(settings: Any, problem: Mapping[str, Any], name: str) -> str:
    sort, value = problem["type"], problem["input"]
    parts, parent, annotation = _place(settings, problem["loc"])
    key = ".".join(parts)
    if sort == "extra_forbidden":
        return f"{key}: no such key{nearest(parts[-1], _fields(parent))}"
    if sort == "missing":
        return f"{key}: must be given{_meaning(parent, parts[-1])}"
    if sort == "union_tag_invalid":
        tag, kinds = problem["ctx"]["tag"], _kinds(annotation)
        hint = nearest(str(tag), kinds) or f"; there are {', '.join(kinds)}"
        return f"{_under(key, 'kind')}: no such kind {tag!r}{hint}"
    if sort == "union_tag_not_found":
        return f"{_under(key, 'kind')}: must be given: one of {', '.join(_kinds(annotation))}"
    if sort in _NOT_SETTINGS:
        return f"{key or name}: {_value_for_settings(key, annotation, value)}"
    if sort == "credentials":
        return f"{key}: {problem['msg']}"
    if sort == "value_error":  # raised by a check of ours, whose text says all
        return ": ".join([*([key] if key else []), str(problem["ctx"]["error"])])
    return f"{key or name}: {problem['msg']} (given: {value!r:.80})"


def _place(settings: Any, location: Iterable[str | int]) -> tuple[list[str], Any, Any]:
    """Where a problem is: the parts of its key, the type that holds the last of them, and the type of that one."""
    parts: list[str] = []
    parent, annotation = None, settings
    for part in location:
        kinds = _kinds(annotation)
        if part in kinds:  # pydantic puts the kind into the location, where a person writes none
            annotation = kinds[str(part)]
        else:
            parts.append(str(part))
            parent, annotation = annotation, _inside(annotation, str(part))
    return parts, parent, annotation


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
    return {model.model_fields["kind"].default: model for model in models if "kind" in _fields(model)}


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields(annotation: Any) -> list[str]:
    return list(annotation.model_fields) if _is_model(annotation) else []


def _meaning(model: Any, name: str) -> str:
    """What a setting is; of a section, the keys that must be given in it."""
    field = model.model_fields[name] if name in _fields(model) else None
    if field is not None and _is_model(field.annotation):
        required = [f"{name}.{key}" for key, inner in field.annotation.model_fields.items() if inner.is_required()]
        return f", with {' and '.join(required)}" if required else ""
    return f". {field.description}" if field is not None and field.description else ""


def _value_for_settings(key: str, annotation: Any, value: Any) -> str:
    """How to write what was written as a single value."""
    kinds = _kinds(annotation)
    if isinstance(value, str) and value in kinds:
        return f"write {_under(key, 'kind')}={value}"
    if kinds:
        hint = nearest(value, kinds) if isinstance(value, str) else ""
        return f"holds settings, the first of them {_under(key, 'kind')} (given: {value!r:.80}){hint}"
    return f"holds settings of its own: write {_under(key, 'KEY')}=VALUE (given: {value!r:.80})"


def _under(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
