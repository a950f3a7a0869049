import pytest

from moopt.surrogates.study_model import StudyModel, learn_study
from tests.reports.learned_studies import REFERENCES, tried


@pytest.fixture(scope="session")
def model() -> StudyModel:
    """Return what is learned of a study with every kind of parameter, of which trials failed."""
    study, trials = tried(60)
    return learn_study(study.with_references(REFERENCES), trials)
