"""What a manifest or an adapter says of the inputs of a run, and whether they are still the same.

| key | of |
|---|---|
| `config`, `config_sha256` | `config.toml` |
| `data_sha256` | each input file, or what a hub gave, by name |
| `documents_sha256` | ids, labels and texts of each split |
| `labels` | the classes, in the order of the logits |
| `backbone_sha256`, `tokenizer_sha256` | weights and tokenizer, by what they hold |
| `backbone_config` | `config.json` of the backbone, what is read of it |

Earlier versions have only some of them, and hashes of weight files and tokenizer files as they lie
on the disk: then there is no `backbone_config`. What is there is compared.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from prefprop_cli.backbones.load import backbone_config, weight_files_sha256, weights_sha256
from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import Config
from prefprop_cli.core.encoder.config import to_hugging_face
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.runs import differences
from prefprop_cli.runs.atomic import Record
from prefprop_cli.words import listed


def record_of(plan: Plan, prepared: Prepared) -> Record:
    """Return what a manifest says of the inputs of a run."""
    return {**_config_record(plan.config), **data_record(prepared), **backbone_record(plan)}


def _config_record(config: Config) -> Record:
    return {
        "config": config.model_dump(exclude_none=True),
        "config_sha256": hashlib.sha256(dump_config(config).encode()).hexdigest(),
    }


def data_record(prepared: Prepared) -> Record:
    """Return the part on the documents."""
    return {
        "data_sha256": prepared.summary["inputs"],
        "documents_sha256": prepared.summary["contents"],
        "labels": list(prepared.labels),
    }


def backbone_record(plan: Plan) -> Record:
    """Return the part on the backbone."""
    return {
        "backbone_sha256": weights_sha256(plan.backbone),
        "tokenizer_sha256": plan.tokenizer.fingerprint,
        "backbone_config": to_hugging_face(backbone_config(plan.backbone)),
    }


# In the checks a record is a manifest (of the backbone, also what an adapter says), `of` the folder
# it lies in, and `advice` how to go on where something differs.


def check_config(record: Record, config: Config, *, of: Path, advice: str) -> None:
    """Check that a configuration is the one of a record.

    Raises:
        UsageError: it is another one; names what differs.
    """
    now = _config_record(config)
    if record.get("config_sha256") in (None, now["config_sha256"]):
        return
    found = differences(record["config"], now["config"]) if "config" in record else []
    raise UsageError(
        f"{of} is of another configuration: {'; '.join(found) or 'its sha256 differs'}. {advice}"
    )


def check_backbone(record: Mapping[str, object], plan: Plan, *, of: Path, advice: str) -> None:
    """Check that the backbone of a plan is the one of a record.

    Raises:
        DataError: it is another one; names what differs.
    """
    if record.get("backbone_config") is not None:
        now = backbone_record(plan)
    else:
        now = {
            "backbone_sha256": weight_files_sha256(plan.backbone),
            "tokenizer_sha256": plan.tokenizer.files_sha256,
        }
    if found := list(_backbone_changes(record, now)):
        raise DataError(
            f"{of} was trained on another backbone than {plan.backbone}: {'; '.join(found)}. "
            f"{advice}"
        )


def check_data(record: Mapping[str, object], prepared: Prepared, *, of: Path, advice: str) -> None:
    """Check that the documents are those of a record, each in the split that it was in.

    Files may be laid out otherwise, as long as they hold the same documents.

    Raises:
        DataError: they are others; names what differs.
    """
    if found := list(_data_changes(record, data_record(prepared))):
        raise DataError(f"the data are not those of {of}: {'; '.join(found)}. {advice}")


def changes(was: Mapping[str, object], now: Record) -> list[str]:
    """Return what differs between the data and backbones of two records of this version."""
    return [*_data_changes(was, now), *_backbone_changes(was, now)]


def _backbone_changes(was: Mapping[str, object], now: Record) -> Iterator[str]:
    before, after = was.get("backbone_config"), now.get("backbone_config")
    if isinstance(before, Mapping) and after is not None:
        both = before.keys() & after.keys()  # another version of the program may read more, or less
        found = differences(*({key: each[key] for key in both} for each in (before, after)))
        if found:
            yield f"config.json: {'; '.join(sorted(found))}"
    for key, what in (("backbone_sha256", "weights"), ("tokenizer_sha256", "tokenizer")):
        if was.get(key) not in (None, now.get(key)):
            yield f"{what}: sha256 {_short(now.get(key))}, was {_short(was[key])}"


def _data_changes(was: Mapping[str, object], now: Record) -> Iterator[str]:
    if was.get("labels") not in (None, now.get("labels")):
        yield f"labels {_labels(now.get('labels'))}, were {_labels(was['labels'])}"
    inputs = list(_hash_changes(was.get("data_sha256"), now.get("data_sha256")))
    splits = list(_hash_changes(was.get("documents_sha256"), now.get("documents_sha256")))
    if "documents_sha256" not in was:  # an earlier version of the program kept no more
        yield from inputs
    elif splits:
        yield from inputs or (f"the split {found}" for found in splits)


def _hash_changes(was: object, now: object) -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys((*was, *now)):
            if was.get(name) != now.get(name):
                yield f"{name} had sha256 {_short(was.get(name))}, has {_short(now.get(name))}"


def _short(digest: object) -> str:
    return f"{str(digest)[:12]}…" if digest else "none"


def _labels(found: object) -> str:
    return listed([*map(str, found)] if isinstance(found, list) else [], shown=8)
