"""Benchmark problems by name, in families, and on which of them a search may be tuned.

Half of each family is for development: look at it as often as you like, choose settings by it, say
nothing of it. The other half is what is reported, and nobody looks at it while tuning. The split is
by problem, not by seed, and is decided here, once:

- Random functions (the family `draws`) are all for development: another seed is another problem.
- What moopt was tuned on before there was a split stays in development: ZDT1, DTLZ2 with two
  objectives, Branin and Currin, vehicle safety, `crash_edge`, the merge surfaces, the merges of
  upright and turned digits, and the tables of HPOBench that the multi-fidelity search was tuned on.
- Of the rest each family has about half on either side, so that each kind of difficulty is on both:
  noise known and unknown, equal and not, one limit and many, 20, 50 and 100 inputs, costs in
  seconds and in numbers, all choices and mixed ones.

Two halves are not strangers. All tables of NAS-Bench-201 hold the same architectures, all of HPOLib
the same configurations, and the functions of one suite are alike: what is reported shows what a
search does on problems like those that it was tuned on. The draws of Gaussian processes flatter
whoever models with Gaussian processes; they are never reported.
"""

from collections.abc import Callable
from functools import partial

from moopt.benchmarks.constrained import c2_dtlz2, constrained_branin_currin, mw7, osy
from moopt.benchmarks.crashing import crash_band, crash_edge
from moopt.benchmarks.draws import Kernel, draw_name, gaussian_process_draw
from moopt.benchmarks.grid_draws import categorical_draw, mixed_draw
from moopt.benchmarks.merge_surfaces import accuracy_surface, loss_surface
from moopt.benchmarks.noisy import (
    heteroscedastic_zdt1,
    heteroscedastic_zdt3,
    known_noise_dtlz2,
    noisy_branin_currin,
    noisy_dtlz7,
)
from moopt.benchmarks.problem import Problem
from moopt.benchmarks.registry import Entry, Family, Use, entries, lazily
from moopt.benchmarks.shifted import shifted_dtlz2, shifted_zdt
from moopt.benchmarks.synthetic import (
    branin_currin,
    car_side_impact,
    dtlz2,
    dtlz7,
    vehicle_safety,
    zdt1,
    zdt2,
    zdt3,
)
from moopt.errors import SelectionError

DEVELOPMENT, REPORTED = Use.DEVELOPMENT, Use.REPORTED

DRAWS = [
    (Kernel.MATERN, 2, 2, False),
    (Kernel.RBF, 4, 2, False),
    (Kernel.MATERN, 4, 2, True),
    (Kernel.MATERN, 6, 3, False),
    (Kernel.RBF, 6, 2, True),
    (Kernel.RBF, 8, 3, False),
    (Kernel.MATERN, 10, 2, False),
]
"""Kernels, inputs, objectives, and whether there is noise."""

SEEDS = range(2)
"""Of each kind of draw so many are registered; `draws` makes others."""


def _draws() -> dict[str, Entry]:
    makers: dict[str, Callable[[], Problem]] = {}
    for kernel, inputs, objectives, noisy in DRAWS:
        for seed in SEEDS:
            name = draw_name(kernel, inputs, objectives, seed=seed, noisy=noisy)
            makers[name] = partial(
                gaussian_process_draw, kernel, inputs, objectives, seed=seed, noisy=noisy
            )
    discrete = {
        f"draw_{kind}_{seed}": partial(make, seed)
        for kind, make in {"categorical": categorical_draw, "mixed": mixed_draw}.items()
        for seed in SEEDS
    }
    return entries(Family.DRAWS, DEVELOPMENT, "random", {**makers, **discrete})


def _tables(use: Use, source: str, names: str, factory: str, *datasets: str) -> dict[str, Entry]:
    makers = {f"{names}_{each}": lazily("table_problems", factory, each) for each in datasets}
    return entries(Family.TABLES, use, source, makers)


def _trained(family: Family, use: Use, module: str, *names: str) -> dict[str, Entry]:
    makers = {name: lazily(module, name) for name in names}
    return entries(family, use, "own, on data of scikit-learn", makers)


PROBLEMS: dict[str, Entry] = {
    **entries(Family.CONTINUOUS, DEVELOPMENT, "Zitzler 2000", {"zdt1": zdt1}),
    **entries(Family.CONTINUOUS, DEVELOPMENT, "Deb 2005", {"dtlz2": dtlz2}),
    **entries(Family.CONTINUOUS, DEVELOPMENT, "Belakaria 2019", {"branin_currin": branin_currin}),
    **entries(
        Family.CONTINUOUS,
        DEVELOPMENT,
        "Tanabe 2020",
        {"vehicle_safety": vehicle_safety, "car_side_impact": car_side_impact},
    ),
    **entries(Family.CONTINUOUS, REPORTED, "Zitzler 2000", {"zdt2": zdt2, "zdt3": zdt3}),
    **entries(
        Family.CONTINUOUS,
        REPORTED,
        "Deb 2005",
        {"dtlz2_3": partial(dtlz2, 7, 3), "dtlz2_4": partial(dtlz2, 8, 4), "dtlz7": dtlz7},
    ),
    **entries(
        Family.LARGE,
        DEVELOPMENT,
        "own, after Zitzler 2000 and Deb 2005",
        {
            "shifted_zdt1_20": partial(shifted_zdt, 1, 20),
            "shifted_dtlz2_50": partial(shifted_dtlz2, 50, 3),
            "shifted_zdt3_100": partial(shifted_zdt, 3, 100),
        },
    ),
    **entries(
        Family.LARGE,
        REPORTED,
        "own, after Zitzler 2000 and Deb 2005",
        {
            "shifted_dtlz2_20": partial(shifted_dtlz2, 20),
            "shifted_zdt2_50": partial(shifted_zdt, 2, 50),
            "shifted_dtlz2_100": partial(shifted_dtlz2, 100),
        },
    ),
    **entries(
        Family.NOISY,
        DEVELOPMENT,
        "as without noise",
        {
            "noisy_branin_currin": noisy_branin_currin,
            "known_noise_dtlz2_2": partial(known_noise_dtlz2, 2),
            "heteroscedastic_zdt1": heteroscedastic_zdt1,
        },
    ),
    **entries(
        Family.NOISY,
        REPORTED,
        "as without noise",
        {
            "noisy_dtlz7": noisy_dtlz7,
            "known_noise_dtlz2_3": partial(known_noise_dtlz2, 3),
            "heteroscedastic_zdt3": heteroscedastic_zdt3,
        },
    ),
    **entries(
        Family.CONSTRAINED,
        DEVELOPMENT,
        "Gelbart 2014",
        {"constrained_branin_currin": constrained_branin_currin},
    ),
    **entries(Family.CONSTRAINED, DEVELOPMENT, "Osyczka 1995", {"osy": osy}),
    **entries(Family.CONSTRAINED, REPORTED, "Jain 2014", {"c2_dtlz2": c2_dtlz2}),
    **entries(Family.CONSTRAINED, REPORTED, "Ma 2019", {"mw7": mw7}),
    **_tables(
        DEVELOPMENT,
        "Eggensperger 2021",
        "hpobench",
        "hpobench",
        *("credit_g", "kc1", "phoneme", "segment", "vehicle"),
    ),
    **_tables(
        REPORTED,
        "Eggensperger 2021",
        "hpobench",
        "hpobench",
        *("australian", "blood_transfusion", "car"),
    ),
    **_tables(DEVELOPMENT, "Klein 2019", "hpolib", "hpolib", "naval", "parkinsons"),
    **_tables(REPORTED, "Klein 2019", "hpolib", "hpolib", "protein", "slice"),
    **_tables(DEVELOPMENT, "Dong 2020", "nas201", "nas_bench_201", "cifar10"),
    **_tables(REPORTED, "Dong 2020", "nas201", "nas_bench_201", "cifar100", "imagenet"),
    **_trained(
        Family.TRAININGS,
        DEVELOPMENT,
        "pipelines",
        *("pipeline_breast_cancer", "pipeline_diabetes"),
    ),
    **_trained(Family.TRAININGS, REPORTED, "pipelines", "pipeline_digits", "pipeline_wine"),
    **entries(
        Family.MERGES,
        DEVELOPMENT,
        "own, after Li 2025",
        {
            "loss_surface_3": partial(loss_surface, 3),
            "loss_surface_6": partial(loss_surface, 6),
            "accuracy_surface_3": partial(accuracy_surface, 3),
            "accuracy_surface_6": partial(accuracy_surface, 6),
        },
    ),
    **_trained(Family.MERGES, DEVELOPMENT, "digits_merge", "digits_isotropic", "digits_blockwise"),
    **_trained(
        Family.MERGES,
        REPORTED,
        "digits_merge",
        *("inverted_digits_isotropic", "inverted_digits_blockwise"),
        *("three_digits_isotropic", "three_digits_blockwise"),
    ),
    **_trained(Family.MIXTURES, DEVELOPMENT, "mixtures", "mixture_digits"),
    **_trained(Family.MIXTURES, REPORTED, "mixtures", "mixture_breast_cancer"),
    **entries(Family.CRASHES, DEVELOPMENT, "own", {"crash_edge": crash_edge}),
    **entries(Family.CRASHES, REPORTED, "own", {"crash_band": crash_band}),
    **_draws(),
}


def problem_named(name: str) -> Problem:
    """Return a problem by name, made once in a process.

    Raises:
        SelectionError: There is none of that name.
        MissingDependencyError: It needs a package that is not installed.
    """
    if name not in PROBLEMS:
        raise SelectionError(f"there is no problem {name!r}; choose from {list(PROBLEMS)}")
    return PROBLEMS[name].make()


def problems_of(*, family: Family | None = None, use: Use | None = None) -> list[str]:
    """Return the names of problems, in the order in which they are registered.

    Args:
        family: None: of all families.
        use: None: for development and reported ones.
    """
    return [
        name
        for name, entry in PROBLEMS.items()
        if family in (None, entry.family) and use in (None, entry.use)
    ]
