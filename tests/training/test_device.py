"""What a process says of the device it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

IMPORT = """
import sys
import torch
from engine.training.device import import_compiler_quietly
assert "torch.utils.cpp_extension" not in sys.modules
if sys.argv[1] == "quietly":
    import_compiler_quietly()
from torch.utils import cpp_extension
print(cpp_extension.CUDA_HOME)
"""


def imported(how: str, toolkit: Path) -> tuple[str, str]:
    """stdout and stderr of a process that sees a CUDA toolkit and no GPU."""
    env = os.environ | {"CUDA_HOME": str(toolkit), "CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run([sys.executable, "-c", IMPORT, how], capture_output=True, text=True, check=True, env=env)
    return ended.stdout.strip(), ended.stderr


def test_a_machine_without_a_gpu_is_not_told_so(tmp_path: Path) -> None:
    assert imported("quietly", tmp_path) == (str(tmp_path), "")


def test_torch_itself_would_tell(tmp_path: Path) -> None:
    """Once this fails, `import_compiler_quietly` can go."""
    assert "No CUDA runtime is found" in imported("loudly", tmp_path)[1]
