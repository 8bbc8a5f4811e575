"""What a job needs in memory does not grow with the number of sequences."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite

PROTOCOL = Protocol(prompt=4, continuation=4)
FEW, MANY = 20_000, 140_000
MEASURE = """
import json, sys
import torch
from seenat.memorization.jobs.status import find_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.registry.open import open_catalog

def memory():
    fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return {name: int(fields[name].split()[0]) for name in ("VmHWM", "RssFile")}

torch.set_num_threads(1)
with open_catalog(sys.argv[1]) as catalog:
    job = run_job(catalog, find_job(catalog, 1), device="cpu")
print(json.dumps({**memory(), "measured": job.progress.measured, "seconds": job.progress.seconds}))
"""


def suite_of(folder, sequences):
    """One layer of width 16, not trained, over so many sequences of 9 ids below 64."""
    folder.mkdir()
    rows = np.random.default_rng(sequences).integers(1, 64, (sequences, 9)).astype("<u2")
    (folder / "ids.bin").write_bytes(rows.tobytes())
    torch.manual_seed(1)
    config = transformers.GPTNeoXConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, eos_token_id=0
    )
    transformers.GPTNeoXForCausalLM(config).save_pretrained(folder / "step1")
    (folder / "SUITE.toml").write_text(
        f"""
[suite]
name = "tiny"
[[order]]
name = "tiny-order"
format = "raw"
files = ["ids.bin"]
dtype = "uint16"
sequences = {sequences}
tokens_per_sequence = 9
sequences_per_batch = 10
vocab_size = 64
[[model]]
name = "tiny"
order = "tiny-order"
steps = [1]
checkpoints = "step{{step}}"
"""
    )
    return folder / "SUITE.toml"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_more_sequences_need_no_more_memory(tmp_path):
    said = {}
    for sequences in (FEW, MANY):
        manifest = suite_of(tmp_path / str(sequences), sequences)
        path = manifest.with_name("catalog.sqlite")
        with open_catalog(str(path)) as catalog:
            register_suite(catalog, manifest)
            model = catalog.model("tiny")
            selection = Selection(steps=(1,), sequences=model.order.sequences, unseen=True)
            plan_job(catalog, model, PROTOCOL, selection)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        said[sequences] = json.loads(done.stdout)
        assert said[sequences]["measured"] == sequences
    print(said)
    # 6 MB of 400 here: 2.2 MB are the larger order's file, of which the system keeps in memory what it likes, and the
    # rest are its larger blocks, which 65,536 sequences end. One Python object a sequence would be 6 MB or more.
    assert said[MANY]["VmHWM"] - said[FEW]["VmHWM"] < 10_000


KEPT = """
from pathlib import Path
from seenat.memorization.jobs.host_memory import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 >> 10

blocks = [bytes([number % 256]) * 100_000 for number in range(1000)]
blocks[:-1] = []
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in other ways")
def test_what_was_freed_is_given_back_to_the_system():
    """100 MB freed below a block that is still used stay with the process until then."""
    told = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True).stdout
    assert int(told) > 50
