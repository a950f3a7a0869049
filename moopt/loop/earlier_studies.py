"""What a run learns from: earlier studies, which its record keeps a copy of."""

import logging
from collections.abc import Sequence

from moopt.encoding.sources import instructive, match_source
from moopt.errors import SelectionError
from moopt.store.store import Store
from moopt.study.source import Source
from moopt.study.study import Study

_LOGGER = logging.getLogger(__name__)


def sources_of_run(store: Store, study: Study, asked: Sequence[Source | str]) -> tuple[Source, ...]:
    """Return what a run of a study learns from, and see that the record has it.

    A study that learns from others already goes on with the copies that were made then.

    Args:
        store: Has the study.
        study: What is searched.
        asked: Studies with their trials, or names of studies in the store.

    Raises:
        SelectionError: The store has no study of that name, or it is the one to be searched.
        StudyError: A source has nothing to do with the study, or it learns from others already.
    """
    if not asked:
        return store.sources(study.name)
    if study.name in asked:
        raise SelectionError(
            f"study {study.name!r} learns from its own trials anyway; leave it out of transfer_from"
        )
    sources = [instructive(store.source(each) if isinstance(each, str) else each) for each in asked]
    matched = [match_source(study, each) for each in sources]
    kept = store.keep_sources(study.name, sources)
    for each in matched:
        _LOGGER.info("study %r learns from %s", study.name, each.description)
    return kept
