"""`moopt benchmark merging`: how fast merges are on this machine."""

from typing import Annotated

import torch
import typer

from moopt.benchmarks.merge_cases import CASES
from moopt.benchmarks.merge_models import BASES
from moopt.benchmarks.mergekit_peer import find_mergekit
from moopt.benchmarks.merging import DEFAULT_MODELS, MergeTimes, chosen_cases, merge_times
from moopt.benchmarks.stopwatch import Stopwatch
from moopt.cli.display import console, print_json, print_table
from moopt.cli.options import PointFormat
from moopt.errors import MissingDependencyError, SelectionError
from moopt.reports.tables import Json, Table


def merging(
    *,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help=f"Of {', '.join(BASES)}, or folders with weights, comma between. Without it: "
            "minilm,smollm2_135m, on a GPU qwen2_1_5b.",
            show_default=False,
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Of {', '.join(CASES)}, comma between. Without it: all.",
            show_default=False,
        ),
    ] = ",".join(CASES),
    repeats: Annotated[
        int, typer.Option(min=1, help="Candidates of each method that count, twice.")
    ] = 10,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Where the model is: cpu, cuda or cuda:1.")
    ] = "cpu",
    format_: Annotated[
        PointFormat, typer.Option("--format", help="For reading, or for programs: json.")
    ] = PointFormat.TABLE,
) -> None:
    """Measure how long a candidate takes, against the speed of memory and against mergekit.

    The bound is the time that a copy of (experts + 2) models takes. mergekit is measured where
    `make .venv-mergekit/ready` has installed it.

    Example: moopt benchmark merging --models minilm --format json
    """
    _print_times(models, methods, repeats, _device(device), format_)


def times_to_json(times: MergeTimes) -> Json:
    """Return what was measured as a JSON object. Times on a GPU are not CPU times."""
    unit = "cpu_ms" if times.device.type == "cpu" else "ms"
    past_caches = times.bytes_per_second_past_caches
    return {
        "device": str(times.device),
        "copy_gb_per_s": times.bytes_per_second / 1e9,
        "copy_past_caches_gb_per_s": None if past_caches is None else past_caches / 1e9,
        "rows": [
            {
                "model": row.model,
                "method": row.method,
                "experts": row.experts,
                unit: 1e3 * row.seconds,
                "ratio_to_bound": times.ratio_to_bound(row),
                "mergekit_cpu_ratio": row.mergekit_ratio,
                f"first_{unit}": 1e3 * row.first_seconds,
            }
            for row in times.rows
        ],
    }


def times_table(times: MergeTimes) -> Table:
    """Return what was measured as a table."""
    unit = "CPU ms" if times.device.type == "cpu" else "ms"
    return Table(
        (
            "model",
            "method",
            "experts",
            unit,
            "ratio to bound",
            "mergekit / moopt",
            f"first {unit}",
        ),
        tuple(
            (
                row.model,
                row.method,
                str(row.experts),
                f"{1e3 * row.seconds:.2f}",
                f"{times.ratio_to_bound(row):.2f}",
                "" if row.mergekit_ratio is None else f"{row.mergekit_ratio:.0f}",
                f"{1e3 * row.first_seconds:.0f}",
            )
            for row in times.rows
        ),
    )


def _print_times(
    models: str | None, methods: str, repeats: int, device: torch.device, format_: PointFormat
) -> None:
    mergekit = None
    if device.type == "cpu":
        try:
            mergekit = find_mergekit()
        except MissingDependencyError as error:
            typer.echo(f"not compared: {error}", err=True)
    times = merge_times(
        DEFAULT_MODELS[device.type] if models is None else models.split(","),
        chosen_cases(methods.split(",")),
        Stopwatch(device),
        repeats=repeats,
        mergekit=mergekit,
        report=lambda said: typer.echo(said, err=True),
    )
    match format_:
        case PointFormat.JSON:
            print_json(times_to_json(times))
        case PointFormat.TABLE:
            print_table(times_table(times))
            console().print(_speeds(times))


def _speeds(times: MergeTimes) -> str:
    speed = f"\n{times.device} copies {times.bytes_per_second / 1e9:.1f} GB/s"
    if times.bytes_per_second_past_caches is None:
        return speed
    return f"{speed}, past the caches {times.bytes_per_second_past_caches / 1e9:.1f} GB/s"


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in DEFAULT_MODELS:
        raise SelectionError(f"--device is cpu, cuda or cuda:1, got {name!r}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SelectionError(f"--device {name}: PyTorch finds no GPU here; measure on the cpu")
    return device
