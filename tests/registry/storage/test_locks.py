"""One builder at a time; no time at all."""

import sys

import pytest

from seenat.registry.storage.locks import exclusive

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")


class Waiting(Exception):
    """Raised instead of waiting."""


def refuse_to_wait():
    raise Waiting


def test_a_folder_is_held_against_a_second_builder_until_the_first_leaves(tmp_path):
    folder = tmp_path / "made" / "here"
    with exclusive(folder), pytest.raises(Waiting), exclusive(folder, refuse_to_wait):
        pass
    with exclusive(folder, refuse_to_wait):
        assert folder.is_dir()


def test_a_folder_is_free_again_after_an_error(tmp_path):
    with pytest.raises(KeyError), exclusive(tmp_path):
        raise KeyError
    with exclusive(tmp_path, refuse_to_wait):
        pass
