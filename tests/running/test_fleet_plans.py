import pytest

from klsweep import spec
from klsweep.running.fleets import LARGEST, FleetPlan, fleets, unfinished

FIXED = {"dataset": "digits", "beta_norm": "0.1", "model": "{kind: mlp, hidden: [8]}"}


def jobs(**axes):
    """All jobs of a grid, by `key=value` text; what is no axis is `FIXED`."""
    fixed = "".join(f"  {name}: {value}\n" for name, value in FIXED.items() if name not in axes)
    grid = "".join(f"  {name.replace('__', '.')}: {values}\n" for name, values in axes.items())
    return spec.read_text(f"version: 1\nname: s\nfixed:\n{fixed}grid:\n{grid}").jobs


def sizes(planned):
    return sorted(len(fleet.jobs) for fleet in planned)


def test_jobs_that_differ_only_in_weight_schedule_reduction_and_seed_train_together():
    axes = {
        "beta_norm": [0.1, 1.0],
        "schedule": "[constant, linear]",
        "reduction": "[sum, mean]",
        "seed": [0, 1],
    }
    (fleet,) = fleets(jobs(**axes), "cpu", cores=1)
    assert len(fleet.jobs) == 16


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("latent_dim", [2, 3]),
        ("model", "[{kind: mlp, hidden: [8]}, {kind: mlp, hidden: [9]}]"),
        ("likelihood", "[bernoulli, mse]"),
        ("train__lr", [0.1, 0.2]),
        ("train__epochs", [1, 2]),
        ("train__batch_size", [16, 32]),
    ],
)
def test_jobs_that_differ_in_anything_else_do_not(key, values):
    assert sizes(fleets(jobs(**{key: values, "seed": [0, 1]}), "cpu", cores=1)) == [2, 2]


@pytest.mark.parametrize(("number", "parts"), [(32, [32]), (33, [16, 17]), (80, [26, 27, 27]), (1, [1])])
def test_too_many_for_one_fleet_are_split_into_equal_parts(number, parts):
    planned = fleets(jobs(seed=list(range(number))), "cpu", cores=1)
    assert sizes(planned) == parts
    assert LARGEST["cpu"] == 32


@pytest.mark.parametrize(
    ("number", "cores", "parts"),
    [
        (9, 2, [4, 5]),
        (18, 2, [9, 9]),
        (80, 2, [20] * 4),
        (54, 2, [27, 27]),
        (3, 8, [1, 1, 1]),
        (9, 8, [1] * 7 + [2]),
    ],
)
def test_one_shape_is_cut_into_fleets_for_every_core(number, cores, parts):
    assert sizes(fleets(jobs(seed=list(range(number))), "cpu", cores=cores)) == parts


def test_several_shapes_share_the_cores_and_a_gpu_does_not_count_them():
    two_shapes = jobs(latent_dim=[2, 3], seed=list(range(8)))
    assert sizes(fleets(two_shapes, "cpu", cores=2)) == [8, 8]
    assert sizes(fleets(two_shapes, "cpu", cores=4)) == [4, 4, 4, 4]
    assert sizes(fleets(two_shapes, "cuda", cores=4)) == [8, 8]


def test_a_gpu_takes_more_at_once_and_its_number_does_not_matter():
    many = jobs(seed=list(range(40)))
    assert sizes(fleets(many, "cuda:1", cores=1)) == [40]
    assert fleets(many, "cuda:0", cores=1) == fleets(many, "cuda:3", cores=1)


def test_convolutions_train_one_at_a_time_on_a_cpu_and_together_on_a_gpu():
    many = jobs(model="[conv]", seed=[0, 1, 2])
    assert sizes(fleets(many, "cpu", cores=1)) == [1, 1, 1]
    assert sizes(fleets(many, "cuda", cores=1)) == [3]


def test_every_job_is_in_exactly_one_fleet_and_keeps_its_order():
    many = jobs(latent_dim=[2, 3], seed=list(range(20)), beta_norm=[0.1, 0.2])
    planned = [job.id for fleet in fleets(many, "cpu", cores=1) for job in fleet.jobs]
    assert sorted(planned) == sorted(job.id for job in many)
    order = {job.id: place for place, job in enumerate(many)}
    for fleet in fleets(many, "cpu", cores=1):
        places = [order[job_id] for job_id in fleet.job_ids]
        assert places == sorted(places)


def test_the_name_of_a_fleet_is_that_of_its_members_and_their_order():
    four = jobs(seed=[0, 1, 2, 3])
    assert FleetPlan(four).id == FleetPlan(jobs(seed=[0, 1, 2, 3])).id
    others = [FleetPlan(four[:3]), FleetPlan(four[::-1]), FleetPlan(jobs(seed=[0, 1, 2, 4]))]
    assert len({FleetPlan(four).id, *(fleet.id for fleet in others)}) == 4


def test_halves_hold_every_job_once():
    five = FleetPlan(jobs(seed=[0, 1, 2, 3, 4]))
    one, other = five.halves()
    assert one.jobs + other.jobs == five.jobs
    assert [len(one.jobs), len(other.jobs)] == [2, 3]


def test_a_fleet_that_lost_some_results_is_trained_again_whole():
    (fleet,) = fleets(jobs(seed=[0, 1, 2]), "cpu", cores=1)
    done = fleet.job_ids[:2]
    assert unfinished([fleet], done, dict.fromkeys(done, fleet.id)) == (fleet,)


def test_of_a_fleet_whose_members_come_from_elsewhere_only_the_rest_trains():
    (fleet,) = fleets(jobs(seed=[0, 1, 2]), "cpu", cores=1)
    done = fleet.job_ids[:2]
    (rest,) = unfinished([fleet], done, dict.fromkeys(done, "another"))
    assert rest.job_ids == fleet.job_ids[2:]


def test_a_fleet_with_every_result_is_not_trained_whoever_trained_it():
    (fleet,) = fleets(jobs(seed=[0, 1]), "cpu", cores=1)
    assert unfinished([fleet], fleet.job_ids, {}) == ()
    assert unfinished([fleet], (), {}) == (fleet,)
