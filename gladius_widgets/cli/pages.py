"""Commands that serve the pages: serve and demo."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gladius_widgets.cli.options import HomeOption, JsonOption, chosen, open_client, print_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import JobStatus

if TYPE_CHECKING:
    from gladius_widgets.client import Client, Job

DEMO_NAME = "moe-chitchat"
DEMO_CONFIG = "moe_chitchat.yaml"
EXAMPLES = (DEMO_CONFIG, "lora_smollm2.yaml")
_DEMO_PACKAGES = {
    "torch": "train", "accelerate": "train", "transformers": "train", "chitchat_dataset": "demo",
}  # fmt: skip
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(serve)
    app.command()(demo)


def serve(
    context: typer.Context,
    port: PortOption = 8866,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the pages until interrupted; jobs go on after that."""
    client = open_client(context, home, as_json)
    _serve(client, host, port, "")


def demo(
    context: typer.Context,
    port: PortOption = 8866,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Only fetch the examples' models and data; start nothing."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the example mixture of experts (about 20 minutes) and show it."""
    client = open_client(context, home, as_json)
    config = example_config(DEMO_CONFIG)
    _check_demo_packages()
    if prepare:
        prepare_examples(client)
        return
    job = demo_job(client, config)
    if not chosen.as_json:
        print(f"Showing {job.id} ({job.status})")
    _serve(client, "127.0.0.1", port, f"voila/render/console.ipynb?job={job.id}")


def demo_job(client: "Client", config: Path) -> "Job":
    """The example job that is there, or a new one when there is none or each one ended early."""
    from filelock import FileLock

    with FileLock(client.home.root / "demo.lock"):  # two starts at once submit one job
        ended_early = (JobStatus.STOPPED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.LOST)
        known = [job for job in client.jobs(search=DEMO_NAME) if job.name == DEMO_NAME]
        usable = [job for job in known if job.status not in ended_early]
        unfinished = [job for job in usable if job.status != JobStatus.COMPLETED]
        return (unfinished or usable or [client.submit(config, DEMO_NAME)])[0]


def prepare_examples(client: "Client") -> None:
    """Bring models and data of the examples into the home's cache, so that they run offline.

    In a process of its own: it needs torch, which the command line does without.

    Raises:
        GladiusError: something is not to be had; the process has said what.
    """
    configs = [str(example_config(name)) for name in EXAMPLES]
    command = [sys.executable, "-m", "gladius_widgets.training.prefetch", *configs]
    done = subprocess.run([*command, "--home", str(client.home.root)], check=False)
    if done.returncode != 0:
        raise GladiusError("The examples could not be prepared.", "The lines above say why.")


def example_config(name: str) -> Path:
    """An example config: of the installed package, or of a checkout of its sources.

    Raises:
        GladiusError: it is in neither place.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "configs", package.parent / "configs"):
        if (folder / name).is_file():
            return folder / name
    raise GladiusError(f"The example {name} is missing.", "Install gladius-widgets again.")


def _check_demo_packages() -> None:
    missing = [name for name in _DEMO_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        extras = ",".join(sorted({_DEMO_PACKAGES[name] for name in missing}))
        raise GladiusError(
            f"The example needs {', '.join(missing)}, not installed here.",
            f"pip install 'gladius-widgets[{extras}]'.",
        )


def _serve(client: "Client", host: str, port: int, path: str) -> None:
    from gladius_widgets.serve.launch import serve as serve_pages

    def ready(url: str) -> None:
        if chosen.as_json:
            print_json({"url": url})
        else:
            print(f"Open {url}\nCtrl-C stops the server; jobs go on.", flush=True)

    serve_pages(client.home, host=host, port=port, path=path, on_ready=ready)
