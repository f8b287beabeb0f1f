import io
import json
from pathlib import Path

import pytest

from prefprop_cli.data.corpus import Document, content_hash, text_key
from prefprop_cli.data.questions import (
    Question,
    each_question,
    looks_like_questions,
    normalised,
    read_questions,
)
from prefprop_cli.errors import DataError

RECORD = {
    "id": "WH_1",
    "query": "located_in_the_territory ( naya ) raipur",
    "candidates": ["india", "raipur district", "central asia"],
    "supports": ["Naya Raipur is a city .", "Raipur 's district ( in India ) , is old ."],
    "answer": "raipur district",
}


def question(**changes: object) -> Question:
    record = {key: value for key, value in {**RECORD, **changes}.items() if value is not ...}
    [read] = read_questions(io.BytesIO(json.dumps(record).encode()))
    return read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a city , old . New ! Is it ?", "a city, old. New! Is it?"),
        ("Raipur 's district ( in India ) is", "Raipur's district (in India) is"),
        ("  two  spaces\nand a line ", "two spaces and a line"),
        ("3.5 , 'single' it 's (a) [ b ] x:y", "3.5, 'single' it's (a) [ b ] x:y"),
        ("( )", "()"),
        ("", ""),
    ],
)
def test_spaces_around_punctuation(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_a_record_becomes_a_question() -> None:
    read = question()
    assert read == Question(
        "WH_1",
        "located in the territory (naya) raipur\nindia\nraipur district\ncentral asia\n\n"
        "Naya Raipur is a city.\nRaipur's district (in India), is old.",
        "raipur district",
        query="located in the territory (naya) raipur",
        candidates=("india", "raipur district", "central asia"),
        supports=("Naya Raipur is a city.", "Raipur's district (in India), is old."),
    )
    assert isinstance(read, Document)


def test_only_the_relation_is_written_with_underscores() -> None:
    assert question(query="record_label snake_case x_y").query == "record label snake_case x_y"
    assert question(query="sport").query == "sport"


def test_supports_may_be_missing_and_other_fields_are_not_read() -> None:
    read = question(supports=[], annotations=[["follows", "single"]])
    assert read.supports == ()
    assert read.text.endswith("central asia\n")


@pytest.mark.parametrize("answer", [..., None])
def test_the_answer_may_be_unknown(answer: object) -> None:
    assert question(answer=answer).label is None


def test_a_candidate_that_reads_like_an_earlier_one_is_left_out() -> None:
    read = question(candidates=["st . john", "india", "st. john", "india"], answer="st. john")
    assert (read.candidates, read.label, read.n_repeated) == (("st. john", "india"), "st. john", 2)


def test_the_text_tells_candidates_from_supports() -> None:
    one = question(candidates=["a", "b"], supports=["c"], answer=...)
    two = question(candidates=["a"], supports=["b", "c"], answer=...)
    assert text_key(one.text) == text_key(two.text)
    assert content_hash([one]) != content_hash([two])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": ...}, r"record 1 \(WH_1\): no field 'query'; found 'id', 'candidates'"),
        ({"query": 3}, r"record 1 \(WH_1\): 'query' is of type int, not a text"),
        ({"query": " "}, r"\(WH_1\): 'query' is empty"),
        ({"id": 7}, r"record 1: 'id' is of type int"),
        ({"candidates": "india"}, r"\(WH_1\): 'candidates' is of type str, not a list"),
        ({"candidates": ["a", None]}, r"\(WH_1\): 'candidates\[1\]' is of type NoneType"),
        ({"candidates": []}, r"\(WH_1\): 'candidates' is empty, or one of them is"),
        ({"candidates": ["a", " "]}, r"\(WH_1\): 'candidates' is empty, or one of them is"),
        ({"candidates": ...}, r"\(WH_1\): no field 'candidates'"),
        ({"supports": None}, r"\(WH_1\): 'supports' is of type NoneType, not a list"),
        ({"supports": [["a"]]}, r"\(WH_1\): 'supports\[0\]' is of type list, not a text"),
        ({"supports": ...}, r"\(WH_1\): no field 'supports'"),
        ({"answer": ["india"]}, r"\(WH_1\): 'answer' is of type list"),
        ({"answer": "asia"}, r"\(WH_1\): the answer 'asia' is none of the 3 candidates"),
        ({"supports": ["\ud800"]}, r"'supports\[0\]': character 0 is half of a surrogate"),
    ],
)
def test_a_wrong_record_is_named_with_its_field(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        question(**changes)


def test_files_and_streams(tmp_path: Path) -> None:
    other = {key: value for key, value in RECORD.items() if key != "id"}
    contents = {
        "one.json": json.dumps(RECORD, indent=1),
        "list.json": json.dumps([RECORD, other]),
        "lines.jsonl": f"{json.dumps(RECORD)}\n\n{json.dumps(other)}\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    ids = {name: [q.id for q in read_questions(tmp_path / name)] for name in contents}
    assert ids == {
        "one.json": ["WH_1"],
        "list.json": ["WH_1", f"{tmp_path}/list.json, record 2"],
        "lines.jsonl": ["WH_1", f"{tmp_path}/lines.jsonl:3"],
    }
    stream = io.BytesIO(contents["lines.jsonl"].encode())
    assert [q.id for q in read_questions(stream, lines=True)] == ["WH_1", "-:3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "-: the file holds no questions"),
        (b"[3]", r"-, record 1: expected an object \{\.\.\.\}, found int"),
        (b"3", r"-, record 1: expected an object"),
        (b'[{"id": "a",\n "id": 1}]', "the same key twice"),
        (b"{\n  x", r"-:2:3: not JSON"),
        (b"[" * 200_000, "-:1:1: nested too deeply"),
        (b"{\xff", "byte 0xff at offset 1"),
        (b"", "-:1:1: not JSON"),
    ],
)
def test_what_is_no_list_of_records(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read_questions(io.BytesIO(content)))


def test_lines_are_read_one_by_one() -> None:
    stream = io.BytesIO(f"{json.dumps(RECORD)}\n[\n".encode())
    questions = read_questions(stream, lines=True)
    assert next(questions).id == "WH_1"
    with pytest.raises(DataError, match="-:2:2: not JSON"):
        next(questions)
    with pytest.raises(DataError, match="-: the file holds no questions"):
        list(read_questions(io.BytesIO(b"\n"), lines=True))


def test_bytes_that_are_no_text_can_be_replaced() -> None:
    broken = json.dumps(RECORD).encode().replace(b"Naya", b"Na\xffa")
    with pytest.raises(DataError, match="byte 0xff"):
        list(read_questions(io.BytesIO(broken)))
    [read] = read_questions(io.BytesIO(broken), errors="replace")
    assert read.supports[0] == "Na\ufffda Raipur is a city."


def test_a_missing_file() -> None:
    with pytest.raises(DataError, match=r"nowhere.json: no such file"):
        list(read_questions(Path("nowhere.json")))


def test_json_lines_by_any_name(tmp_path: Path) -> None:
    content = "".join(json.dumps({**RECORD, "id": str(k)}) + "\n" for k in range(2))
    for name in ("a.jsonl", "a.JSONL", "a.ndjson", "a.json"):
        (tmp_path / name).write_text(content)
        assert [q.id for q in read_questions(tmp_path / name)] == ["0", "1"]


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "a.parquet"])
def test_a_table_holds_no_questions(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: a table, where questions"):
        list(read_questions(tmp_path / name))


@pytest.mark.parametrize(
    ("head", "looks"),
    [
        (json.dumps(RECORD), True),
        (json.dumps([RECORD], indent=1), True),
        ("\ufeff" + json.dumps(RECORD), True),
        (json.dumps(RECORD).replace('"supports"', '"s"')[:-9], True),
        (json.dumps({"text": json.dumps(RECORD)}), False),
        (json.dumps({"text": "a"}), False),
        ("words " + json.dumps(RECORD), False),
        ("", False),
    ],
)
def test_questions_are_known_by_their_fields(head: str, looks: bool) -> None:
    assert looks_like_questions(head.encode()) == looks


def test_records_behind_one_that_is_not_as_it_should_be() -> None:
    records = [
        {**RECORD, "id": "a", "answer": "none of them"},
        {"id": "b", "query": "x"},
        3,
        {**RECORD, "id": "c"},
    ]
    for content, lines in (
        (json.dumps(records), False),
        ("".join(json.dumps(record) + "\n" for record in records), True),
    ):
        found = list(each_question(io.BytesIO(content.encode()), lines=lines))
        place = "-:3" if lines else "-, record 3"
        assert [record.id for record in found] == ["a", "b", place, "c"]
        assert [record.row for record in found] == [1, 2, 3, 4]
        assert [record.fields for record in found] == [*records[:2], {}, records[3]]
        questions = [each.found for each in found if isinstance(each.found, Question)]
        assert [each.id for each in questions] == ["a", "c"]
        assert {each.label for each in questions} == {None}
        assert [str(found[k].found).split(": ")[0] for k in (1, 2)] == [
            f"{'-:2' if lines else '-, record 2'} (b)",
            place,
        ]
