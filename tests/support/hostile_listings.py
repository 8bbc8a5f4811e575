"""What is no list of a repository's revisions, or of a commit's files, as the content of an answer."""

from __future__ import annotations

import json

from support.hostile_hub import COMMIT

__all__ = ["JSONS"]

NO_OBJECTS = [b"null", b"{}", b"[]", b"3", b'"text"', b"", b"{", b"[" * 100_000, b"\xff\xfe", b"NaN", b"9" * 5_000]
FILE = {"rfilename": "m.bin", "size": 5, "blobId": "0" * 40}
LARGE = {"sha256": "0" * 64, "size": 1, "pointerSize": 134}
BAD_FILES = [
    None, {}, FILE | {"rfilename": "../x.safetensors"}, FILE | {"rfilename": "/x"}, FILE | {"rfilename": 5},
    FILE | {"rfilename": "a\x00b.bin"}, FILE | {"rfilename": "\ud800.bin"}, FILE | {"rfilename": "n" * 300},
    FILE | {"size": -1}, FILE | {"size": 10**30}, FILE | {"size": "5"}, FILE | {"size": 5.5}, FILE | {"size": True},
    FILE | {"blobId": "../../x"}, FILE | {"blobId": None}, FILE | {"blobId": "0" * 64}, FILE | {"lfs": {"size": 5}}, FILE | {"lfs": 5},
    FILE | {"lfs": LARGE | {"sha256": "0" * 40}}, FILE | {"lfs": LARGE | {"size": -1}},
]  # fmt: skip
LISTED = {"id": "org/one", "sha": COMMIT, "siblings": [FILE]}
BAD_LISTINGS = [
    *(LISTED | {"siblings": [file]} for file in BAD_FILES),
    *(LISTED | {"siblings": files} for files in (None, 5, "x", {"a": 1})),
    *(LISTED | {"sha": sha} for sha in ("../../x", None, 5, "1" * 40, COMMIT.upper())),
    *(LISTED | {"safetensors": {"parameters": counted, "total": 1}} for counted in ([1], 5, {"F16": -1}, {"F16": "x"})),
    *(LISTED | {"safetensors": counted} for counted in (5, "x", [1])),
]
BRANCH = {"name": "main", "ref": "refs/heads/main", "targetCommit": COMMIT}
REFS = {"branches": [BRANCH], "tags": [], "converts": []}
BAD_REFS = [
    *(REFS | {"branches": branches} for branches in (None, 5, "x", [None], [{}], [5])),
    *(
        REFS | {"branches": [BRANCH | {"targetCommit": commit}]}
        for commit in ("../..", None, 5, COMMIT[:7], COMMIT + "0")
    ),
    *(
        REFS | {"branches": [BRANCH | {"name": name}]}
        for name in (None, 5, "", "a\x1b[31m", "\ud800", "n" * 300, "a\x00")
    ),
]
JSONS = {
    "refs": [*NO_OBJECTS, *(json.dumps(refs).encode() for refs in BAD_REFS)],
    "listing": [*NO_OBJECTS, *(json.dumps(listing).encode() for listing in BAD_LISTINGS)],
}
