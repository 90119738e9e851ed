"""Rules that hold for the whole tree: import direction, what the wheel carries, no stray paths."""

import ast
import graphlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import REPOSITORY

PACKAGE = REPOSITORY / "gladius_widgets"

# What each part may import of the others. Nothing imports training, which runs on its own.
DIRECTION = {
    "core": set(),
    "store": {"core"},
    "engines": {"core", "store"},
    "supervisor": {"core", "store", "engines"},
    "runner": {"core", "store"},
    "training": {"core", "store"},
    "client": {"core", "store", "supervisor"},
    "components": {"core"},
    "panels": {"core", "store", "client", "components"},
    "pages": {"core", "store", "client", "components", "panels"},
    "serve": {"core"},
    "cli": {"core", "store", "supervisor", "client", "serve"},
    "__init__": {"core", "client", "components", "panels", "pages"},
}
# Within a part: its folders by floors, from the ground up. A folder imports those of the floors
# below its own; what stands beside the folders may import them all.
FLOORS = {
    "store": ["metrics", "run", "registry"],
    "training": [
        "rows", "chat", "data", "model output", "checkpoint", "parallel", "session", "loop",
    ],
    "supervisor": ["notify"],
    "panels": [
        "live", "text", "charts controls",
        "alerts loss jobs overview results cost events queue new_job", "compare log",
    ],
    "pages": ["shared", "console", "job"],
}  # fmt: skip
# What `x_model.py`, which stands beside `x.py`, goes without: widgets, the client, files, a clock.
WIDGETS = {"anywidget", "bqplot", "ipywidgets", "traitlets"}
NOT_FOR_MODELS = WIDGETS | {"asyncio", "os", "pathlib", "shutil", "tempfile", "threading", "time"}
READS = {"open", "read_text", "read_bytes", "now", "today", "utcnow"}
MODELS = sorted(
    file
    for file in (PACKAGE / "panels").rglob("*.py")
    if file.stem == "model" or file.stem.endswith("_model")
)
# Jinja only parses chat templates, where it is installed.
CORE_LIBRARIES = {"jinja2", "orjson", "psutil", "pydantic", "pydantic_core", "pynvml", "ruamel"}
HEAVY = {"torch", "transformers", "accelerate", "peft", "datasets", "tensorboard", "duckdb"}


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(part: str) -> list[Path]:
    single = PACKAGE / f"{part}.py"
    return [single] if single.exists() else sorted((PACKAGE / part).rglob("*.py"))


def tracked(*patterns: str) -> list[str]:
    """The files that git tracks or would track: what a fresh clone will hold."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (REPOSITORY / name).is_file()]


def test_every_part_has_a_direction():
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py"}
    parts |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert parts == set(DIRECTION)


@pytest.mark.parametrize("part", DIRECTION)
def test_imports_point_one_way(part: str):
    files = modules(part)
    assert files
    wrong = [
        f"{file.relative_to(REPOSITORY)}: {name}"
        for file in files
        for name in imports(file)
        if name.startswith("gladius_widgets.")
        and name.split(".")[1] not in {part, *DIRECTION[part], "__version__"}
    ]
    assert not wrong


@pytest.mark.parametrize("part", FLOORS)
def test_imports_within_a_part_point_one_way(part: str):
    floors = {name: n for n, names in enumerate(FLOORS[part]) for name in names.split()}
    folders = {path.parent.name for path in (PACKAGE / part).glob("*/__init__.py")}
    assert folders == set(floors)
    wrong = []
    for folder, floor in floors.items():
        for file in (PACKAGE / part / folder).rglob("*.py"):
            for name in imports(file):
                _, its_part, its_folder, *_ = f"{name}...".split(".")
                if its_part != part or its_folder == folder:
                    continue
                if floors.get(its_folder, len(floors)) >= floor:
                    wrong.append(f"{file.relative_to(REPOSITORY)}: {name}")
    assert not wrong


def test_components_stand_on_each_other_in_one_direction():
    folder = PACKAGE / "components"
    known = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    # To ask the page and tell the reader, `line` needs two components, which report through it.
    needs = {
        file.stem: {name.split(".")[2] for name in imports(file) if ".components." in name}
        - {file.stem}
        for file in folder.glob("*.py")
        if file.stem not in ("__init__", "line")
    } | {"line": set()}
    assert set().union(*needs.values()) <= known
    graphlib.TopologicalSorter(needs).prepare()  # raises CycleError


def test_a_model_reads_no_file_and_no_clock():
    assert MODELS
    wrong = []
    for file in MODELS:
        wrong += [
            f"{file.relative_to(REPOSITORY)}: {name}"
            for name in imports(file)
            if name.split(".")[0] in NOT_FOR_MODELS
        ]
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func).rpartition(".")[2]
                if called in READS:
                    wrong.append(f"{file.relative_to(REPOSITORY)}:{node.lineno}: {called}()")
    assert not wrong


def test_models_load_no_widget_and_no_client():
    """Not by way of what they import, either."""
    names = [".".join(file.relative_to(REPOSITORY).with_suffix("").parts) for file in MODELS]
    ours = {"gladius_widgets.client", "gladius_widgets.components"}
    program = (
        f"import sys, {', '.join(names)};"
        f"loaded = sorted({WIDGETS | ours!r} & set(sys.modules));"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_core_stands_on_little():
    used = {name.split(".")[0] for file in modules("core") for name in imports(file)}
    assert used - sys.stdlib_module_names - {"gladius_widgets"} <= CORE_LIBRARIES


@pytest.mark.parametrize("part", sorted(set(DIRECTION) - {"training"}))
def test_only_training_knows_torch(part: str):
    wrong = {
        f"{file.name}: {name}"
        for file in modules(part)
        for name in imports(file)
        if name.split(".")[0] in HEAVY
    }
    assert not wrong


def test_the_dashboard_loads_no_torch():
    program = (
        "import sys, gladius_widgets as g;"
        "[getattr(g, name) for name in g.__all__];"
        "import gladius_widgets.cli, gladius_widgets.serve.launch, gladius_widgets.supervisor;"
        f"loaded = sorted({HEAVY!r} & set(sys.modules));"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_config_begins_with_its_launch_line():
    configs = tracked("configs/*.yaml")
    assert configs
    for name in configs:
        first = (REPOSITORY / name).read_text().splitlines()[0]
        assert first.startswith(f"# gladius submit {name}"), name


def test_every_page_notebook_is_short_and_titled():
    import nbformat

    for name in tracked("notebooks/*.ipynb"):
        notebook = nbformat.read(REPOSITORY / name, as_version=4)
        assert notebook.metadata.title, name
        lines = [line for cell in notebook.cells for line in cell.source.splitlines() if line]
        assert len(lines) <= 3, f"{name}: the code lives in the package"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=REPOSITORY, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


def test_the_wheel_carries_all_of_the_package(wheel: set[str]):
    package = {name for name in tracked("gladius_widgets") if "/frontend/" not in name}
    assert package <= wheel
    assert any(name.startswith("gladius_widgets/components/static/") for name in package)
    assert "gladius_widgets/serve/share/voila/templates/gladius/index.html.j2" in package


def test_the_wheel_carries_notebooks_and_configs(wheel: set[str]):
    for folder in ("notebooks", "configs"):
        assert {f"gladius_widgets/{name}" for name in tracked(folder)} <= wheel


def test_the_wheel_carries_nothing_else(wheel: set[str]):
    strays = {name for name in wheel if re.search(r"frontend/|tests/|__pycache__|\.pyc$", name)}
    assert not strays


def test_constraints_are_exact_and_portable():
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert "torch==2.13.0" in pins
    assert not [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!]+", pin)]


def test_the_tree_names_no_machine():
    """No path of a developer's machine, and no package registry's address."""
    here = re.escape(str(REPOSITORY)), re.escape(str(Path.home()))
    stray = re.compile(
        rf"(?:{'|'.join(here)})/|/home/\w+/|/Users/\w+/"
        r"|file:///|[\w.]*(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org)"
    )
    found = []
    for name in tracked():
        try:
            text = (REPOSITORY / name).read_text()
        except UnicodeDecodeError:
            continue  # a picture
        if name != "tests/unit/test_project.py":
            found += [f"{name}: {hit.group()}" for hit in stray.finditer(text)]
    assert not found


def test_everything_imported_is_asked_for():
    """What the tree imports comes with the requirements, directly or by way of one of them."""
    required = {"gladius-widgets"}
    waiting = [Requirement(text) for text in requires("gladius-widgets") or []]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        marker = requirement.marker
        extras = ["", "train", "demo", "test", "dev", *requirement.extras]
        if name in required or (marker and not any(marker.evaluate({"extra": e}) for e in extras)):
            continue
        required.add(name)
        with suppress(PackageNotFoundError):
            waiting += [Requirement(text) for text in requires(name) or []]
    providers = packages_distributions()
    missing = {
        f"{file}: {module}"
        for file in tracked("*.py")
        for module in {name.split(".")[0] for name in imports(REPOSITORY / file)}
        if module in providers
        and not {canonicalize_name(name) for name in providers[module]} & required
    }
    assert not missing


def test_the_files_that_the_architecture_names_are_there():
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    names = re.findall(r"`([a-z_]+(?:/[a-z_]+)+\.(?:py|js|css|yaml))`", text)
    assert len(names) > 20
    roots = (REPOSITORY, PACKAGE)
    assert not [name for name in names if not any((root / name).is_file() for root in roots)]
