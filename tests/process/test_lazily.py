"""A package that is loaded when somebody first reaches into it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.load.model_graphs import small_cnn


def _says(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "reach",
    ["assert lazy.VALUE == 7", "from lazy import VALUE", "import lazy.inner", "from lazy import inner; inner.DEEP"],
)
def test_a_package_is_loaded_at_its_first_use_and_then_whole(reach: str, tmp_path: Path) -> None:
    """Importing it loads nothing; whoever reaches into it, in whichever way, has all of it, once."""
    (tmp_path / "lazy").mkdir()
    (tmp_path / "lazy" / "__init__.py").write_text("print('loaded')\nVALUE = 7\n")
    (tmp_path / "lazy" / "inner.py").write_text("DEEP = 9\n")
    code = f"""
        import sys
        from qexplorer.process.lazily import load_lazily
        load_lazily("lazy"); load_lazily("lazy")
        import lazy
        print("imported")
        {reach}
        assert lazy.VALUE == 7
        assert sys.modules["lazy"].VALUE == 7
        import lazy.inner
        assert lazy.inner.DEEP == 9
    """
    assert _says(code, tmp_path).split() == ["imported", "loaded"]


def test_what_is_loaded_already_stays(tmp_path: Path) -> None:
    """A package that is there is not taken away, and one that there is not is missing when it is wanted."""
    code = """
        import json
        from qexplorer.process.lazily import load_lazily
        known = json.loads
        load_lazily("json"); load_lazily("no_such_package")
        import json, no_such_package
        assert json.loads is known
        try:
            no_such_package.value
        except ImportError:
            print("missing")
    """
    assert _says(code, tmp_path) == "missing"


def test_opening_a_model_in_a_child_needs_no_sympy(tmp_path: Path) -> None:
    """The processor time that SymPy takes is not spent on a model with a free length."""
    path = tmp_path / "m.onnx"
    path.write_bytes(small_cnn().SerializeToString())
    code = f"""
        import sys
        from qexplorer.process import child
        child._TOLD.append(lambda event: None)
        from qexplorer.load.child import load_file
        given = {{"path": {str(path)!r}, "out": {str(tmp_path / "out.onnx")!r}, "name": "m", "where": "m"}}
        print(load_file(given, lambda event: None)["model"]["name"])
        print("onnx_ir" in sys.modules, "sympy.core" in sys.modules)
    """
    assert _says(code, tmp_path).split() == ["m", "True", "False"]
