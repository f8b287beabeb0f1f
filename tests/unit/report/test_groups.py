import pytest

from prefprop_cli.report.collect import collect
from prefprop_cli.report.groups import group, unusual_settings, validation_score
from tests.helpers import finished


@pytest.fixture
def write(tmp_path):
    """Write a run with settings, `method` its name."""
    numbers = iter(range(100))

    def run(name="prefix-propagation", *, seed=0, quality=1.0, n=60, started="1", **tables):
        config = finished.config(name, **tables)
        path = tmp_path / f"run-{next(numbers):02}"
        return finished.write(path, config, seed=seed, quality=quality, n=n, started=started)

    return run


def grouped(folder):
    return group(collect([folder]).runs)


def seeds(each):
    return [run.seed for run in each.runs]


def test_seeds_of_one_configuration_are_a_variant(tmp_path, write):
    for seed in (2, 0, 1):
        write(seed=seed, train={"keep": 1 + seed}, model={"gradient_checkpointing": seed == 0})
    ((data,), notes) = grouped(tmp_path)
    (each,) = data.variants
    assert (each.name, seeds(each)) == ("prefix-propagation", [0, 1, 2])
    assert (data.set, data.name, notes) == ("hyperpartisan", "hyperpartisan", [])
    assert unusual_settings(data.variants) == {}


def test_configurations_are_never_mixed(tmp_path, write):
    for seed in (0, 1):
        write(seed=seed)
        write("prefix-tuning", seed=seed)
        write(seed=seed, model={"attention_dropout": 0.1})
    write("head-only")
    write(seed=2, model={"backbone": "minilm", "to_long": 512, "attention_dropout": 0.1})
    ((data,), _) = grouped(tmp_path)
    assert [(each.name, seeds(each)) for each in data.variants] == [
        ("head-only", [0]),
        ("prefix-tuning", [0, 1]),
        ("prefix-propagation", [0, 1]),
        ("prefix-propagation (attention_dropout = 0.1)", [0, 1]),
        (
            "prefix-propagation (backbone = minilm, to_long = 512, attention_dropout = 0.1)",
            [2],
        ),
    ]


def test_of_a_tie_both_variants_are_named(tmp_path, write):
    write(train={"lr": 0.01, "weight_decay": 0.1})
    write()
    ((data,), _) = grouped(tmp_path)
    assert {each.name for each in data.variants} == {
        "prefix-propagation (weight_decay = 0.0)",
        "prefix-propagation (weight_decay = 0.1)",
    }


def test_weights_of_one_name_that_differ_are_two_variants(tmp_path, write):
    write()
    finished.RunFolder.open(write(seed=1)).update_manifest(backbone_sha256="cd" * 32)
    ((data,), _) = grouped(tmp_path)
    assert [each.name for each in data.variants] == [
        "prefix-propagation (weights = abababab)",
        "prefix-propagation (weights = cdcdcdcd)",
    ]


def test_what_a_method_does_not_read_makes_no_other_variant(tmp_path, write):
    write(method={"alpha": 0.3, "degree": 4})
    write(seed=1, method={"alpha": 0.1, "tuning_length": 3})
    ((data,), _) = grouped(tmp_path)
    assert [seeds(each) for each in data.variants] == [[0, 1]]


def test_settings_that_follow_the_method_are_told_apart_from_its_name(tmp_path, write):
    write()
    write("prefix-tuning")
    write("fine-tuning", train={"lr": 3e-5})
    ((data,), _) = grouped(tmp_path)
    assert [each.name for each in data.variants] == [
        "prefix-tuning",
        "prefix-propagation",
        "fine-tuning",
    ]
    assert {
        key: [each.name for each in others]
        for key, others in unusual_settings(data.variants).items()
    } == {"train.lr": ["fine-tuning"]}


def test_a_search_is_decided_by_validation_on_the_seeds_all_have(tmp_path, write):
    """Over all its seeds 0.001 would win; on seed 0, which both have, it loses."""
    write(train={"lr": 0.01}, quality=1.0)
    write(train={"lr": 0.001}, quality=0.6)
    write(train={"lr": 0.001}, quality=2.9, seed=1)
    write(train={"lr": 0.01, "weight_decay": 0.1}, quality=0.1)
    ((data,), _) = grouped(tmp_path)
    assert [(each.name, each.settings["train.lr"]) for each in data.variants] == [
        ("prefix-propagation (weight_decay = 0.0)", 0.01),
        ("prefix-propagation (weight_decay = 0.1)", 0.01),
    ]
    (lost,) = data.searched
    assert (lost.name, seeds(lost)) == ("prefix-propagation (lr = 0.001)", [0, 1])
    assert validation_score(lost) > validation_score(data.variants[0])
    assert validation_score(lost, seeds=[0]) < validation_score(data.variants[0])


def test_a_search_by_a_loss_is_won_by_the_least(tmp_path, write):
    write(train={"lr": 0.01, "metric": "nll"}, quality=0.2)
    write(train={"lr": 0.001, "metric": "nll"}, quality=2.0)
    ((data,), _) = grouped(tmp_path)
    assert data.variants[0].settings["train.lr"] == 0.001


def test_alpha_is_searched_for_kernel_forms(tmp_path, write):
    write(method={"kernel": "exp", "alpha": 0.01}, quality=0.5)
    write(method={"kernel": "exp", "alpha": 0.04}, quality=1.5)
    ((data,), _) = grouped(tmp_path)
    assert [each.settings["method.alpha"] for each in data.variants] == [0.04]
    assert [each.name for each in data.searched] == [
        "prefix-propagation, exp kernel (lr = 0.01, alpha = 0.01)"
    ]


def test_of_the_same_run_the_later_counts(tmp_path, write):
    earlier = write(started="2026-01-01", quality=0.1)
    later = write(started="2026-02-01")
    ((data,), notes) = grouped(tmp_path)
    assert [run.folder.path for run in data.variants[0].runs] == [later]
    assert notes == [f"left out {earlier}: {later} is the same run, and later"]


def test_other_documents_are_another_set(tmp_path, write):
    write(data={"split": "dedup"})
    write(data={"split": "dedup", "limit": 40}, n=40)
    write(set_name="files", data={"source": "/some/where/mine.jsonl"})
    (sets, _) = grouped(tmp_path)
    assert [data.name for data in sets] == [
        "hyperpartisan, dedup",
        "hyperpartisan, dedup, limit 40",
        "mine.jsonl",
    ]


def test_sets_of_one_name_say_what_differs(tmp_path, write):
    write(n=40)
    write(n=50, data={"split_seed": 11})
    (sets, _) = grouped(tmp_path)
    assert [data.name for data in sets] == [
        "hyperpartisan, split_seed = 10",
        "hyperpartisan, split_seed = 11",
    ]
