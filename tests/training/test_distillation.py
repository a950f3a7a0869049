from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import kl_div

from moopt.errors import TrainingError
from moopt.training.batches import batches_by_length
from moopt.training.distillation import Distillation, distil, logits_of
from tests.training.small_classifiers import classifier, texts

SETTINGS = Distillation(steps=30, learning_rate=3e-3, batch_size=8)


def divergence(student: Tensor, teacher: Tensor) -> float:
    return kl_div(
        student.log_softmax(1), teacher.log_softmax(1), reduction="batchmean", log_target=True
    ).item()


def test_logits_are_in_the_order_of_the_texts() -> None:
    model, many = classifier(), texts(7)

    found = logits_of(model, many, batch_size=3)

    alone = [logits_of(model, replace(many, ids=(ids,), labels=(0,))) for ids in many.ids]
    torch.testing.assert_close(found, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_a_student_comes_to_answer_like_its_teacher() -> None:
    teacher, student = classifier(0), classifier(1)
    taught = logits_of(teacher, texts())
    before = divergence(logits_of(student, texts()), taught)

    distil(student, texts(), taught, SETTINGS, seed=0)

    assert divergence(logits_of(student, texts()), taught) < before / 3


def test_embeddings_stay_as_they_are() -> None:
    student = classifier(1)

    distil(student, texts(), logits_of(classifier(0), texts()), SETTINGS, seed=0)

    words = "bert.embeddings.word_embeddings"
    untouched = classifier(1).get_submodule(words)
    torch.testing.assert_close(
        student.get_submodule(words).state_dict(), untouched.state_dict(), rtol=0, atol=0
    )


def test_equal_seeds_give_equal_students_and_no_steps_change_nothing() -> None:
    taught = logits_of(classifier(0), texts())
    students = [classifier(1) for _ in range(4)]
    settings = [SETTINGS, SETTINGS, SETTINGS, replace(SETTINGS, steps=0)]

    for student, each, seed in zip(students, settings, (5, 5, 6, 5), strict=True):
        distil(student, texts(), taught, each, seed=seed)

    first, same, other, still = (logits_of(each, texts()) for each in students)
    assert bool((first == same).all())
    assert not bool((first == other).all())
    assert bool((still == logits_of(classifier(1), texts())).all())


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    student = classifier(1)
    taught = torch.full((40, 2), float("nan"))

    with pytest.raises(TrainingError, match="the loss became nan at step 1 of 30; use a smaller"):
        distil(student, texts(), taught, SETTINGS, seed=0)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(TrainingError, match="needs steps >= 0, temperature > 0, got"):
        Distillation(steps=-1, learning_rate=1e-3, temperature=0.0)


def test_batches_are_left_with_their_own_labels() -> None:
    many = texts()
    labels = [batch.labels.tolist() for batch in batches_by_length(many, 8)]

    logits_of(classifier(), many)

    assert [batch.labels.tolist() for batch in batches_by_length(many, 8)] == labels
