import pytest

from moopt.errors import ExecutorError
from moopt.executors.ray_room import Cluster, Share

SMALL, BIG = {"CPU": 4.0}, {"CPU": 8.0, "GPU": 2.0}


@pytest.mark.parametrize(
    ("cpus", "gpus", "room"),
    [(1, 0, 12), (3, 0, 3), (1, 1, 2), (1, 2, 1), (1, 0.5, 4), (1, 0.3, 6), (8, 0.5, 1), (1, 3, 0)],
)
def test_a_worker_needs_one_node_and_a_share_of_a_gpu_one_gpu(
    cpus: int, gpus: float, room: int
) -> None:
    share = Share(cpus, gpus)
    cluster = Cluster([SMALL, BIG], {"CPU": 12.0, "GPU": 2.0})

    assert cluster.most(share) == cluster.room(share) == room
    assert cluster.can_hold(share) == (room > 0)


def test_what_others_use_is_no_room() -> None:
    cluster = Cluster([SMALL, BIG], {"CPU": 5.0, "GPU": 1.0})

    assert cluster.room(Share(1, 0)) == 5
    assert cluster.room(Share(1, 1)) == 1
    assert cluster.most(Share(1, 1)) == 2


def test_it_says_what_there_is() -> None:
    cluster = Cluster([SMALL, BIG], {"CPU": 5.0})

    assert str(cluster) == "2 nodes with 12 CPUs (5 free) and 2 GPUs (0 free)"
    assert str(Cluster([{"CPU": 1.0}], {})) == "1 node with 1 CPU (0 free) and 0 GPUs (0 free)"
    assert str(Share(1, 0.5)) == "1 CPU and 0.5 GPUs"


@pytest.mark.parametrize(("cpus", "gpus"), [(0, 0.0), (1, -1.0), (1, 1.5)])
def test_what_ray_could_not_place_is_refused(cpus: int, gpus: float) -> None:
    with pytest.raises(ExecutorError, match="a trial takes"):
        Share(cpus, gpus)
