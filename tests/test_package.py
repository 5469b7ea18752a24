import subprocess
import sys

import avfake


def test_the_public_names_are_there() -> None:
    for name in avfake.__all__:
        assert getattr(avfake, name) is not None


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, avfake, avfake.cli; "
        "print(sorted({'torch', 'librosa', 'pandas', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
