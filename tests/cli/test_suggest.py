import pytest

from tests.cli.conftest import Output


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (["--lr", "1e-3"], "-s train.lr=1e-3"),
        (["--lr=1e-3"], "-s train.lr=1e-3"),
        (["--batch-size", "8"], "-s train.batch_size=8"),
        (["--max_length", "512"], "-s data.max_length=512"),
        (["--learning_rate", "1e-3"], "-s train.lr=1e-3"),
        (["--method", "prefix tuning"], "-s method.name='prefix tuning'"),
        (["--model", "minilm"], "-s model.backbone=minilm"),
        (["--epohcs", "3"], "-s train.epochs=3"),
        (["--epochs"], "-s train.epochs=VALUE"),
    ],
)
@pytest.mark.parametrize("command", ["train", "prepare", "sweep", "bench"])
def test_an_option_that_is_a_key_of_the_configuration(
    command: str, arguments: list[str], setting: str, output: Output
) -> None:
    if command == "bench" and arguments[0] == "--batch-size":
        pytest.skip("bench has this option")
    code, out, err = output(command, *arguments)
    assert (code, out) == (2, "")
    named = arguments[0].partition("=")[0]
    assert f"No such option: {named}. As a key of the configuration: {setting}\n" in err


def test_a_similar_option_comes_before_a_similar_key(output: Output) -> None:
    _, _, err = output("train", "--sed", "3")
    assert "No such option: --sed" in err
    assert "--seed" in err
    assert "-s " not in err.split("Error")[1]


@pytest.mark.parametrize("arguments", [["eval", "r", "--lr", "1"], ["train", "--zzz"]])
def test_where_nothing_is_meant_nothing_is_added(arguments: list[str], output: Output) -> None:
    code, _, err = output(*arguments)
    assert code == 2
    assert "No such option" in err
    assert "configuration" not in err


def test_a_value_that_is_nearly_one_of_the_choices(output: Output) -> None:
    code, _, err = output("calibrate", "r", "--method", "tempreture")
    assert code == 2
    assert "Did you mean 'temperature'?" in err
    _, _, err = output("calibrate", "r", "--method", "zzz")
    assert "is not one of" in err
    assert "mean" not in err


def test_a_value_of_a_key_that_is_nearly_one_of_the_choices(output: Output) -> None:
    code, _, err = output("train", "-s", "method.name=prefixtuning")
    assert code == 2
    assert "combined, fine-tuning, head-only - did you mean `prefix-tuning`?" in err


def test_an_option_without_its_value_shows_what_it_takes(output: Output) -> None:
    code, out, err = output("report", "run", "--html")
    assert (code, out) == (2, "")
    assert "Option '--html' requires an argument: --html FILE.html\n" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["my reviews.csv", "--quick"],
            "No such command 'my reviews.csv'. To train on it: "
            "prefprop train 'my reviews.csv' --quick\n",
        ),
        (["trian", "a.csv"], "No such command 'trian'. Did you mean 'train'?\n"),
        (["zzz"], "No such command 'zzz'. See prefprop --help\n"),
    ],
)
def test_documents_in_the_place_of_a_command(
    arguments: list[str], said: str, output: Output
) -> None:
    code, out, err = output(*arguments)
    assert (code, out) == (2, "")
    assert said in err
