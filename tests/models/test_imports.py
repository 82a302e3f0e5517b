import subprocess
import sys
from pathlib import Path

import models

ROOT = Path(models.__file__).parent


def test_no_module_imports_tensorflow_before_a_network_is_built() -> None:
    modules = [
        ".".join(("models", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(ROOT.rglob("*.py"))
    ]
    assert "models.heads.masked_tcn" in modules
    program = (
        f"import sys, {', '.join(modules)}; sys.exit(sum(m in sys.modules for m in ('tensorflow', 'keras', 'tcn')))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT.parent, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
