"""Is a task what it says? Mistakes are one line, and order-dependence is measured."""

import numpy as np
import pytest

from tests.trainables.test_objects import places  # noqa: F401
from trainables.errors import TrainableError
from trainables.inputs import sample
from trainables.tasks.check import check_task, symmetric_error
from trainables.tasks.registry import TASKS

TASK = "from trainables import Task\nimport math\nimport numpy as np\n\n\nT = Task('t', {target}, {variance})\n"


def written(place, target="lambda x: (x * x).sum(-1)", variance="lambda n: 2 * n"):
    (place / "mine.py").write_text(TASK.format(target=target, variance=variance))
    return "mine.py:T"


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("inputs", ["normal", "uniform"])
def test_builtin_tasks_are_what_they_say(name, inputs):
    assert check_task(name, [2, 3, 6], inputs) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variance": "lambda n: 3 * n"}, "mine.py:T: its variance at n = 2 is "),
        ({"variance": "lambda n: 3 * n"}, "but 6 is declared"),
        ({"variance": "lambda n: 1 / (n - 2)"}, "mine.py, line 6: ZeroDivisionError: division by zero"),
        ({"variance": "lambda n: None"}, "its variance at n = 2 must be a positive number, not None"),
        ({"target": "lambda x: x.log().sum(-1)"}, "mine.py, line 6: AttributeError: 'numpy.ndarray' object has no"),
        (
            {"target": "lambda x: x.max(-1)", "variance": "lambda n: 1 - 1 / math.pi"},
            "a tensor (3, 4), not max",
        ),
        ({"target": "lambda x: x.sum()"}, "must give (524288,) values, not ()"),
        ({"target": "lambda x: x.sum(1)", "variance": "lambda n: n"}, "for a tensor (3, 4, n) its target must give"),
        ({"target": "lambda x: (x[..., 0] + 1) ** 0.5"}, "its target is not finite on 0.16 of the inputs at n = 2"),
        ({"target": "lambda x: 0 * x.sum(-1)", "variance": "lambda n: 0"}, "is constant at n = 2"),
        ({"target": "lambda x: 'no'"}, "its target must give numbers, not str"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_mistakes_are_one_line(places, changes, message):  # noqa: F811
    with pytest.raises(TrainableError) as caught, np.errstate(all="ignore"):
        check_task(written(places, **changes), [2])
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_targets_that_differ_between_numpy_and_torch(places):  # noqa: F811
    target = "lambda x: (x * x).sum(-1) if isinstance(x, np.ndarray) else x.sum(-1)"
    with pytest.raises(TrainableError, match="gives other values for tensors"):
        check_task(written(places, target), [2])


def test_a_task_that_is_constant_on_these_inputs(places):  # noqa: F811
    name = written(places)
    assert check_task(name, [2, 4]) == {}
    with pytest.raises(TrainableError, match="is constant at n = 4 with rademacher inputs"):
        check_task(name, [4], "rademacher")


def test_the_best_error_of_what_treats_all_inputs_alike(places):  # noqa: F811
    # Σ i·xᵢ: of its variance Σ i², the mean over permutations has n·((n + 1)/2)²
    weighted = "lambda x: sum((i + 1) * x[..., i] for i in range(x.shape[-1]))"
    name = written(places, weighted, "lambda n: n * (n + 1) * (2 * n + 1) / 6")
    floors = check_task(name, [1, 2, 4, 8])
    assert floors.keys() == {2, 4, 8}
    for n, floor in floors.items():
        assert floor == pytest.approx(1 - n * ((n + 1) / 2) ** 2 / (n * (n + 1) * (2 * n + 1) / 6), abs=0.02)
    assert check_task(name, [4], symmetric=False) == {}
    x = sample("normal", (20_000, 6), 0)
    assert symmetric_error(lambda x: x[:, 0], x) == pytest.approx(1 - 1 / 6, abs=0.02)
    assert symmetric_error(lambda x: abs(x).max(1), x) == 0
