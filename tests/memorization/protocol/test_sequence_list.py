"""Lists of sequences on disk: one file for equal lists, and nothing but what was planned is read."""

import numpy as np
import pytest

from seenat.memorization.protocol.sequence_list import SequenceList
from seenat.registry.errors import CorruptFile


@pytest.mark.parametrize("sequences", [[], [0], [7, 3, 7, 146_431_999]])
def test_a_list_is_ascending_and_distinct_and_equal_lists_are_one_file(tmp_path, sequences):
    kept = SequenceList.keep(tmp_path, np.array(sequences, np.int64))
    assert kept == SequenceList.keep(tmp_path, np.array(sorted(set(sequences)), np.int64))
    assert [path.name for path in tmp_path.iterdir()] == [kept.file.name]
    read = SequenceList.from_json(kept.to_json(), tmp_path)
    assert read.sequences.tolist() == sorted(set(sequences))
    assert read.count == len(set(sequences))
    assert np.load(kept.file).tolist() == read.sequences.tolist(), "any reader of .npy files opens it"


def test_a_changed_list_is_refused(tmp_path):
    kept = SequenceList.keep(tmp_path, np.arange(10))
    other = SequenceList.keep(tmp_path, np.arange(11))
    kept.file.write_bytes(other.file.read_bytes())
    with pytest.raises(
        CorruptFile, match="is not the list that was planned; repeat the `seenat memorize --adaptive` command"
    ):
        SequenceList.from_json(kept.to_json(), tmp_path).sequences  # noqa: B018 - It is read on first use.


def test_a_missing_list_is_refused(tmp_path):
    kept = SequenceList.keep(tmp_path, np.arange(10))
    assert not kept.is_lost
    kept.file.unlink()
    assert SequenceList.from_json(kept.to_json(), tmp_path).is_lost
    with pytest.raises(CorruptFile, match="cannot be read: No such file"):
        SequenceList.from_json(kept.to_json(), tmp_path).sequences  # noqa: B018
