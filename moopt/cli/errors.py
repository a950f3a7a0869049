"""Errors of the command line itself."""

from collections.abc import Sequence

from moopt.errors import MooptError
from moopt.study.study import Study
from moopt.study.trials import Trial


class NothingFoundError(MooptError):
    """The call is right, but there is nothing to show: exit status 1 instead of 2."""


class WrongRecipeError(MooptError):
    """A recipe cannot be read: the call is wrong, while a merge that fails is a `MergeError`."""


def no_front(study: Study, trials: Sequence[Trial]) -> str:
    """Return the message for a study whose trials make no front."""
    if not trials:
        return f"study {study.name!r} has no trial yet; `moopt run` starts some"
    return (
        f"study {study.name!r} has no front yet: of its trials, {len(trials)}, none was measured "
        "in full and met every outcome constraint; `moopt status` tells why"
    )
