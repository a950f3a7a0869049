"""LoRA adapters of PEFT as sources of a merge: low-rank changes of a base's weights.

An adapter changes weights by `scale · B · A`. The factors are read when they are asked for, and
only their product is ever added: mixing the factors of several adapters, as PEFT's combination
`linear` does, makes cross terms that are larger than the change itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from moopt.errors import MergeError
from moopt.merging.adapter_config import AdapterConfig, read_adapter_config
from moopt.merging.checkpoint import DTYPES, TensorInfo

ADAPTER_WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT puts before the names of the base model."""

LINEAR = (".lora_A.weight", ".lora_B.weight")
EMBEDDING = (".lora_embedding_A", ".lora_embedding_B")


@dataclass(frozen=True, slots=True)
class Factors:
    """A low-rank change of a weight, `scale · b · a`."""

    a: Float[Tensor, "rank columns"]
    b: Float[Tensor, "rows rank"]
    scale: float

    @property
    def transposed(self) -> "Factors":
        """The same change of the transposed weight."""
        return Factors(self.b.T, self.a.T, self.scale)

    def product(self) -> Float[Tensor, "rows columns"]:
        """Return the change, in float32."""
        return (self.b.float() @ self.a.float()) * self.scale


@dataclass(frozen=True, slots=True)
class AdaptedModule:
    """A module of the base that an adapter changes."""

    a: TensorInfo
    """Rank and inputs; for an embedding rank and words."""

    b: TensorInfo
    """Outputs and rank."""

    is_embedding: bool

    @property
    def names(self) -> tuple[str, str]:
        """The ends of the names that PEFT gives to its factors."""
        return EMBEDDING if self.is_embedding else LINEAR


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in a PEFT folder, opened read-only."""

    folder: Path
    config: AdapterConfig
    modules: Mapping[str, AdaptedModule]
    """By the name that the module has in the base model, in alphabetical order."""

    whole: Mapping[str, TensorInfo]
    """Tensors that the adapter replaces or adds, such as a head, by the base model's names."""

    files: Mapping[str, str]
    """The name in the file of each tensor of `whole`."""

    def factors(self, module: str) -> Factors:
        """Load the factors of a module, as PEFT stores them.

        Raises:
            MergeError: The adapter does not change this module, or its file is damaged.
        """
        if module not in self.modules:
            raise MergeError(f"the adapter in {self.folder} does not change {module!r}")
        a, b = (self._read(PREFIX + module + end) for end in self.modules[module].names)
        return Factors(a, b, self.config.scale_of(module))

    def load_whole(self, name: str) -> Tensor:
        """Load one tensor of `whole`.

        Raises:
            MergeError: The file is damaged.
        """
        return self._read(self.files[name])

    def _read(self, name: str) -> Tensor:
        path = self.folder / ADAPTER_WEIGHTS
        try:
            with safe_open(path, framework="pt") as file:
                tensor: Tensor = file.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise MergeError(f"cannot read {name!r} from {path}: {error}") from error
        return tensor


def open_adapter(folder: Path) -> Adapter:
    """Open a PEFT folder without loading its tensors.

    Raises:
        MergeError: It is not the folder of a plain LoRA adapter, or its configuration and its
            tensors do not fit together.
    """
    config = read_adapter_config(folder)
    infos = _infos(folder / ADAPTER_WEIGHTS)
    modules: dict[str, AdaptedModule] = {}
    whole: dict[str, str] = {}
    for name in sorted(infos):
        plain = name.removeprefix(PREFIX)
        found = [(end, ends) for ends in (LINEAR, EMBEDDING) for end in ends if plain.endswith(end)]
        if name == plain or (not found and "lora_" in name):
            raise MergeError(
                f"{folder / ADAPTER_WEIGHTS} holds {name!r}, which is neither a factor that PEFT "
                "saves nor a tensor of the base; save the adapter with save_pretrained of PEFT"
            )
        for end, ends in found:
            module = plain.removesuffix(end)
            modules[module] = _module(folder, config, module, infos, ends)
        if not found:
            whole[plain.replace(".base_layer.", ".")] = name
    if not modules:
        raise MergeError(f"{folder / ADAPTER_WEIGHTS} holds no factors; it is no LoRA adapter")
    return Adapter(
        folder=folder,
        config=config,
        modules={name: modules[name] for name in sorted(modules)},
        whole={name: infos[stored] for name, stored in whole.items()},
        files=whole,
    )


def _module(
    folder: Path,
    config: AdapterConfig,
    module: str,
    infos: Mapping[str, TensorInfo],
    ends: tuple[str, str],
) -> AdaptedModule:
    a, b = (PREFIX + module + end for end in ends)
    for name in (a, b):
        if name not in infos:
            raise MergeError(
                f"{folder / ADAPTER_WEIGHTS} lacks {name!r}, the other factor is there"
            )
    rank = config.rank_of(module)
    first, second = infos[a].shape, infos[b].shape
    if len(first) != 2 or len(second) != 2 or first[0] != rank or second[1] != rank:
        raise MergeError(
            f"the factors of {module!r} in {folder} have the shapes {first} and {second}; its "
            f"configuration says rank {rank}, and only matrices can be merged"
        )
    return AdaptedModule(infos[a], infos[b], is_embedding=ends == EMBEDDING)


def _infos(path: Path) -> dict[str, TensorInfo]:
    if not path.is_file():
        raise MergeError(
            f"{path} is missing; save the adapter as safetensors, which PEFT does by itself"
        )
    infos = {}
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            for name in names:
                part = file.get_slice(name)
                infos[name] = TensorInfo(tuple(part.get_shape()), DTYPES[part.get_dtype()])
    except (OSError, SafetensorError) as error:
        raise MergeError(f"cannot read {path} as safetensors: {error}") from error
    except KeyError as error:
        raise MergeError(
            f"{path} holds numbers of the type {error}; only {', '.join(DTYPES)} can be merged"
        ) from error
    return infos
