"""BoTorch's kernel is compiled by real compilers here, and one of them is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.utils.cpp_extension import is_ninja_available

PREPARE = """
from moopt.acquisition.fused_kernel import prepare_fused_kernel
prepare_fused_kernel()
from botorch.acquisition.multi_objective import logei
logei._try_load_fused_kernel()
print(logei._C.__name__)
"""


@pytest.mark.slow
@pytest.mark.skipif(not is_ninja_available(), reason="compiling needs ninja")
def test_a_killed_compilation_keeps_nobody_waiting(tmp_path: Path) -> None:
    environment = os.environ | {"TORCH_EXTENSIONS_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PREPARE]
    killed = subprocess.Popen(command, env=environment, start_new_session=True)
    while not (left := list(tmp_path.glob("*/lock"))):
        assert killed.poll() is None
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert left[0].exists()

    after = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=300
    )

    assert after.stdout.strip() == "logei_fused_ext"
