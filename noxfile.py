#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.11.12"]
# ///
"""Every developer command: `nox -l` lists them, `nox` runs the default ones."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

nox.needs_version = ">=2025.11.12"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"  # test on what is there
nox.options.error_on_missing_interpreters = False  # under CI too

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of hundreds of processes compiles all of napari

ROOT = nox.project.load_toml("pyproject.toml")
PACKAGES = sorted(path.parent for path in Path("packages").glob("*/pyproject.toml"))
PACKAGES_OF_A_PIPELINE = [path for path in PACKAGES if path.name != "hcs-viewer"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
if HERE not in PYTHONS:
    PYTHONS.append(HERE)  # at least one is there

IN_PARALLEL = ("-n", "2", "--dist", "loadfile")
TOGETHER = (
    "tests-integration/test_one_image_journey.py",
    "tests-integration/test_run_command.py",
    "packages/hcs-viewer/tests/test_plugin.py",
)
"""What needs all packages, and the files that lie beside their code."""
PROTOCOL = "packages/hcs-protocol/tests"
WINDOW = "packages/hcs-viewer/tests/window/test_visibility.py"
MEASURED = "tests-integration/test_benchmarks.py"
NETWORK = "tests-integration/test_network.py"
REMOTE = f"{MEASURED}::test_the_remote_benchmark_finds_every_ratio_that_is_permitted_and_loses_nothing"
"""What makes networks takes minutes, and belongs to the session of that name."""

ARRAYS = {
    "torch": "torch==2.13.0",  # pip may find a build of this one for CPUs: a tenth of what CUDA needs
    "jax": "jax>=0.4.30",
    "cupy": "cupy-cuda12x>=13",
}
ARRAY_TESTS = ("packages/hcs-shm/tests", "packages/hcs-stream/tests/test_gpu_example.py")

NO_TOOLKIT = """
from importlib.util import find_spec
found = [name for name in ("napari", "qtpy", "PyQt6", "PySide6", "hcs_viewer") if find_spec(name)]
assert not found, f"a worker needs none of {found}"
"""


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show a pipeline's images in napari while it runs (-- --plate FOLDER --keep)."""
    has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    make_fit_for_a_window(session, *(["--no-xvfb"] if has_display else []))
    install(session, "demo")
    session.run("python", "docs/examples/demo.py", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on nox's own Python, and on any other what needs all packages.

    Where the oldest Python is another one, it has the oldest versions of all that our packages need.
    """
    make_fit_for_a_window(session)
    has_oldest = session.python == PYTHONS[0] != HERE and session.venv_backend == "uv"  # pip cannot find them
    install(session, "test", options=["--resolution=lowest-direct"] if has_oldest else [])
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    ordinary = ("-m", "not window and not long", *IN_PARALLEL)
    packages = [f"{path}/tests" for path in PACKAGES]
    if has_oldest:
        session.run("pytest", *ordinary, *TOGETHER, *packages)
        session.run("pytest", "-m", "window", "-n", "2", WINDOW)
        return
    if session.python != HERE:
        session.run("pytest", *ordinary, *TOGETHER, PROTOCOL)  # which others build on
        return
    session.run("pytest", *ordinary)
    session.run("pytest", "-m", "window", *IN_PARALLEL, "--durations=12", *packages)
    apart = (f"--ignore={MEASURED}", f"--ignore={NETWORK}")
    session.run("pytest", "-m", "long and not window", *IN_PARALLEL, "--durations=12", *apart)
    measured = (MEASURED, f"--deselect={REMOTE}")  # by itself: it needs a machine that keeps up
    session.run("pytest", "-m", "long", *measured)


@nox.session(python=PYTHONS[0], venv_backend="virtualenv", default=False)
@nox.parametrize("library", list(ARRAYS))
def arrays(session: nox.Session, library: str) -> None:
    """Test what a library's arrays become, without the window's libraries; marked ``gpu``, on a device."""
    if library == "cupy" and not shutil.which("nvidia-smi"):
        session.skip("CuPy has no arrays without a CUDA device")
    install(session, packages=PACKAGES_OF_A_PIPELINE)
    session.install("--no-compile", ARRAYS[library], "hypothesis", "pytest", "pytest-timeout", "scipy")
    environment = {"PYTHONPATH": ".ci"}
    session.run(
        "pytest", "-p", "without_windows", "-m", library, *ARRAY_TESTS, *session.posargs, env=environment
    )


@nox.session(default=False)
def screenshots(session: nox.Session) -> None:
    """Take the pictures of viewer and manager in docs/images anew, and test what they show."""
    make_fit_for_a_window(session)
    install(session, "test")
    for tests in sorted(map(str, Path("packages").glob("*/tests/**/test_pictures.py"))):
        session.run("pytest", tests, *session.posargs, env={"HCS_PICTURES": "docs/images"})


@nox.session(default=False)
def apart(session: nox.Session) -> None:
    """Let a worker without Qt and a viewer talk, each from an environment of its own."""
    make_fit_for_a_window(session)
    wheels = build_wheels(session)
    worker = new_environment(session, "worker", wheels, "hcs-stream")
    viewer = new_environment(session, "viewer", wheels, "hcs-viewer")
    foreign = new_environment(session, "foreign", wheels, "hcs-protocol", "pyzmq", "numpy")
    session.run(worker / "python", "-c", NO_TOOLKIT, external=True)
    session.run(
        worker / "python",
        "tests-integration/apart/start_the_other_environments_viewer.py",
        viewer / "hcs-viewer",
        foreign / "python",
        env={"PYTHONPATH": "docs/examples"},
        external=True,
    )


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """Measure what images cost a pipeline and a viewer, against other ways (-- [NAME] --quick --out DIR).

    NAME is transport, remote, viewer, pipeline, manager or startup; without one all run.
    What else each takes: ``-- NAME --help``.
    """
    names = ["transport", "remote", "viewer", "pipeline", "manager", "startup"]
    named = [name for name in names if [name] == session.posargs[:1]]
    if named not in (["transport"], ["remote"]):
        make_fit_for_a_window(session)
    install(session, "benchmarks", "demo")
    for name in named or names:
        script = f"tests-integration/benchmarks/{name}.py"
        session.run("python", script, *session.posargs[len(named) :])


@nox.session(default=False)
def chaos(session: nox.Session) -> None:
    """Kill, freeze and mislead workers and viewers, and account for every image (-- --trials 60 --seed 7)."""
    make_fit_for_a_window(session)
    install(session, "test")
    session.run("python", "-m", "chaos", *session.posargs, env={"PYTHONPATH": "tests-integration"})


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Stream for long while a viewer is killed now and then, and watch the memory (-- --minutes 30)."""
    install(session, "test")
    session.run("python", "-m", "chaos.soak", *session.posargs, env={"PYTHONPATH": "tests-integration"})


@nox.session(default=False)
def network(session: nox.Session) -> None:
    """Cut, slow and overload the link between machines, and account for every image (-- --images 10000)."""
    make_fit_for_a_window(session, "--network", success_codes=[0, 1])  # it says itself what it cannot do
    install(session, "test")
    if not session.posargs:
        session.run("pytest", NETWORK, REMOTE)
    session.run("python", "-m", "network", *session.posargs, env={"PYTHONPATH": "tests-integration"})


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Send viewers what no worker of ours would say, with their key and without (-- --minutes 5 --seed 7)."""
    make_fit_for_a_window(session)
    install(session, "test")
    session.run("python", "-m", "fuzz", *session.posargs, env={"PYTHONPATH": "tests-integration"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and the import contracts."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", ".ci/private_imports.py")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Type-check every package."""
    install(session, "lint")
    places = [*(f"{path}/src" for path in PACKAGES), "tests-integration", "docs/examples", ".ci"]
    session.run("mypy", *(place for place in places if any(Path(place).rglob("*.py"))))


@nox.session(default=False)
def wheels(session: nox.Session) -> None:
    """Build all wheels and test them installed together: their version ranges must agree."""
    make_fit_for_a_window(session)
    built = [str(wheel) for wheel in build_wheels(session).values()]
    session.install("--force-reinstall", "--no-deps", *built)  # same version, other content
    session.install(*built, *nox.project.dependency_groups(ROOT, "test"))
    session.run("pytest", *IN_PARALLEL, *TOGETHER, *session.posargs)


def make_fit_for_a_window(session: nox.Session, *options: str, success_codes: Sequence[int] = (0,)) -> None:
    """Install the system libraries that a napari window needs, if any is missing."""
    command = (sys.executable, ".ci/system_libraries.py", *options)
    session.run(*command, external=True, success_codes=success_codes)


def install(
    session: nox.Session, *groups: str, packages: Sequence[Path] = PACKAGES, options: Sequence[str] = ()
) -> None:
    """Install our packages from this checkout, all four if no others are named, and dependency groups."""
    editables = [argument for path in packages for argument in ("-e", f"./{path.as_posix()}")]
    session.install(*options, *editables, *nox.project.dependency_groups(ROOT, *groups))


def build_wheels(session: nox.Session) -> dict[str, Path]:
    """Build a wheel of each package."""
    dist = own_folder(session, "dist")
    session.install("build", "hatchling")
    build = ("python", "-m", "build", "--wheel", "--no-isolation", f"--outdir={dist}")
    for path in PACKAGES:
        session.run(*build, str(path), silent=True)
    return {path.name: next(dist.glob(f"{path.name.replace('-', '_')}-*.whl")) for path in PACKAGES}


def new_environment(session: nox.Session, name: str, wheels: dict[str, Path], *requirements: str) -> Path:
    """Install into an environment of its own and return the folder of its programs."""
    folder = own_folder(session, name)
    session.run("python", "-m", "venv", "--without-pip", str(folder))
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    ours = folder / "ours.txt"  # or an index could have packages of the same names
    ours.write_text("".join(f"{name} @ {wheel.as_uri()}\n" for name, wheel in wheels.items()))
    if session.venv_backend == "uv":
        pip = ["uv", "pip", "install", f"--python={programs / 'python'}"]
    else:
        session.install("pip")
        pip = ["python", "-m", "pip", f"--python={programs / 'python'}", "install"]
    session.run(*pip, f"--constraint={ours}", *requirements, silent=True)
    return programs


def own_folder(session: nox.Session, name: str) -> Path:
    """Make an empty folder that goes when the session's environment goes."""
    folder = Path(session.virtualenv.location).resolve() / "own" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    nox.main()
