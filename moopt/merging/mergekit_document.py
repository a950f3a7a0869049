"""The shape of a mergekit configuration: its models, and where each finds its parameters.

Whatever is written either counts or is refused: nothing that a user asked for is passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from moopt.errors import MergeError
from moopt.merging.mergekit_values import Setting, read_setting

Scope = Mapping[str, Setting]
"""The parameters of one place of a configuration."""

WHOLE_MODELS = "moopt merges whole models of one architecture"
AS_IT_IS = "the tokenizer is copied as it is"

TOP = {"merge_method", "base_model", "models", "slices", "parameters", "dtype", "out_dtype"}
TOKENIZER = {"tokenizer_source", "tokenizer"}
NOT_DONE = {
    "modules": f"{WHOLE_MODELS}, so write `models` instead of `modules`",
    "chat_template": f"{AS_IT_IS}; leave `chat_template` out and set it afterwards",
}
SURGERY = "builds a model out of layers of others"


@dataclass(frozen=True, slots=True)
class Source:
    """A model and the parameters that it has of its own."""

    model: str
    parameters: Scope
    layers: tuple[int, int] | None = None
    """The layers from the first to before the last. None: all."""


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration."""

    method: str
    base: str | None
    sources: Sequence[Source]
    shared: Sequence[Scope]
    """Where parameters of all models are, the most specific place first."""

    dtype: str | None
    """What the merged weights are written in. None: what they were stored in."""


def read_document(text: str) -> Document:
    """Read a configuration.

    Raises:
        MergeError: It is no YAML, has keys that mergekit does not have, or asks for something that
            moopt does not do.
    """
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise MergeError(f"this is not a mergekit configuration: {reason}") from error
    if not isinstance(content, dict) or "merge_method" not in content:
        raise MergeError("this is not a mergekit configuration: it has no `merge_method`")
    for key, reason in NOT_DONE.items():
        if content.get(key) is not None:
            raise MergeError(reason)
    _check_keys("a configuration", content, TOP | TOKENIZER | set(NOT_DONE))
    is_sliced = content.get("slices") is not None
    if is_sliced == (content.get("models") is not None):
        raise MergeError("a configuration has either `models` or `slices`")
    base = _optional_model(content, "base_model")
    shared = [_scope("the configuration", content.get("parameters"))]
    if is_sliced:
        base, own, sources = _slice(content["slices"], base)
        shared = [own, *shared]
    else:
        listed = _list("models", content["models"])
        sources = [_source("a model", each, set(), base) for each in listed]
    _check_tokenizer(content, base)
    return Document(
        str(content["merge_method"]), base, sources, shared, _dtype(content, ("out_dtype", "dtype"))
    )


def _slice(content: object, base: str | None) -> tuple[str | None, Scope, list[Source]]:
    slices = _list("slices", content)
    if len(slices) != 1:
        raise MergeError(
            f"a configuration with {len(slices)} slices {SURGERY}; {WHOLE_MODELS}, so give one "
            "slice with all layers, or `models`"
        )
    match slices[0]:
        case {"sources": listed, **rest}:
            _check_keys("a slice", rest, {"parameters", "base_model"})
            base = _optional_model(rest, "base_model") or base
            sources = [
                _source("a source", each, {"layer_range"}, base)
                for each in _list("sources", listed)
            ]
            return base, _scope("a slice", rest.get("parameters")), sources
    raise MergeError(f"a slice lists `sources`, got {slices[0]!r}")


def _source(what: str, content: object, more: set[str], base: str | None) -> Source:
    if not isinstance(content, dict) or "model" not in content:
        raise MergeError(f"{what} has a `model`, got {content!r}")
    _check_keys(what, content, {"model", "parameters"} | more)
    model = _model(content["model"], base)
    layers = None
    if "layer_range" in more:
        match content.get("layer_range"):
            case [int(first), int(last)]:
                layers = first, last
            case found:
                raise MergeError(f"`layer_range` of {model!r} is two whole numbers, got {found!r}")
    return Source(model, _scope(repr(model), content.get("parameters")), layers)


def _optional_model(content: Mapping[object, object], key: str) -> str | None:
    return None if content.get(key) is None else _model(content[key])


def _model(content: object, base: str | None = None) -> str:
    """Return the folder or the hub's name of a model, or of an adapter if it is one of the base."""
    match content:
        case str(text) if "+" in text:
            model, _, adapter = text.partition("+")
            return _adapter(model, adapter, base)
        case str(text):
            return text
        case {"model": inner, **rest}:
            _check_keys("a model", rest, {"lora"})
            model = inner if isinstance(inner, str) else _path(inner)
            lora = rest.get("lora")
            if lora is None:
                return model
            return _adapter(model, lora if isinstance(lora, str) else _path(lora), base)
    raise MergeError(f"a model is a folder or a name on a hub, got {content!r}")


def _path(content: object) -> str:
    match content:
        case {"path": str(path), **rest}:
            _check_keys("a model", rest, {"revision"})
            revision = rest.get("revision")
            return path if revision is None else f"{path}@{revision}"
    raise MergeError(f"a model is a folder or a name on a hub, got {content!r}")


def _adapter(model: str, adapter: str, base: str | None) -> str:
    if model != base:
        raise MergeError(
            f"{adapter!r} is an adapter of {model!r}, and moopt takes adapters of the base model "
            f"only, which is {base!r}; merge it into its model first (in peft `merge_and_unload`, "
            "then `save_pretrained`) and name that folder"
        )
    return adapter


def _scope(where: str, content: object) -> Scope:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise MergeError(f"`parameters` of {where} map names to values, got {content!r}")
    return {
        str(name): read_setting(f"{name!r} of {where}", value) for name, value in content.items()
    }


def _check_tokenizer(content: Mapping[object, object], base: str | None) -> None:
    """Refuse a vocabulary other than that of the base."""
    source = content.get("tokenizer_source")
    match content.get("tokenizer"):
        case None:
            pass
        case {"source": source, **rest} if not any(rest.values()):
            pass
        case other:
            raise MergeError(
                f"{AS_IT_IS}, with every token that it has; write `tokenizer_source: base` instead "
                f"of `tokenizer: {other}`"
            )
    if source not in (None, "base", base):
        raise MergeError(
            f"moopt does not build the tokenizer {source!r}: {AS_IT_IS} from the base, and all "
            "models must have its vocabulary; write `tokenizer_source: base`, or bring the models "
            "to one vocabulary first (mergekit-tokensurgeon does)"
        )


def _dtype(content: Mapping[object, object], keys: Sequence[str]) -> str | None:
    found = next((content[key] for key in keys if content.get(key) is not None), None)
    return None if found is None else str(found).removeprefix("torch.")


def _list(what: str, content: object) -> list[object]:
    if not isinstance(content, list) or not content:
        raise MergeError(f"`{what}` is a list with at least one entry, got {content!r}")
    return content


def _check_keys(what: str, content: Mapping[object, object], known: set[str]) -> None:
    unknown = [str(key) for key in content if key not in known]
    if unknown:
        raise MergeError(
            f"{what} has no {unknown[0]!r}; it has {', '.join(sorted(known)) or 'nothing else'}"
        )
