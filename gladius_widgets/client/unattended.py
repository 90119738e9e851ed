"""Commands to a job that no process works on: the client itself carries them out."""

from typing import Any

from gladius_widgets.client.commands import changed_meanwhile
from gladius_widgets.core.errors import IllegalMoveError
from gladius_widgets.core.states import Command
from gladius_widgets.store import cancelling, idle_jobs
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run import requests


def settle(
    registry: Registry, job: Job, command: Command, args: dict[str, Any], user: str
) -> requests.Ack | requests.Request:
    """Do what was asked; the answer is in the ledger.

    A cancel whose registry cannot be written is a request until it can; it holds from now on.

    Raises:
        IllegalMoveError: nobody is there to do it, or somebody else was first.
    """
    run = registry.home.run(job.id)
    match command:
        case Command.CANCEL:
            answer = cancelling.cancel_unattended(registry, run, job, args, user)
        case Command.RESUME:
            caps = {"caps": args["caps"]} if args.get("caps") else None
            changes = args.get("set")
            answer = idle_jobs.queue_again(registry, run, job, user, args=caps, changes=changes)
        case Command.HOLD | Command.UNHOLD:
            answer = _set_held(registry, job, command == Command.HOLD, user)
        case Command.REORDER:
            answer = _reorder(registry, job, args, user)
        case Command.AFTER:
            answer = idle_jobs.set_dependencies(registry, run, job, args["jobs"], user)
        case _:
            raise IllegalMoveError(
                f"'{job.name}' has freed its machine, so nobody is there to {command}.",
                "Resume it first.",
            )
    if answer is None:
        now = registry.get(job.id)
        raise changed_meanwhile(job, now.status if now else None, command)
    return answer


def _set_held(registry: Registry, job: Job, held: bool, user: str) -> requests.Ack | None:
    answer = idle_jobs.set_held(registry, registry.home.run(job.id), job, held, user)
    now = registry.get(job.id) if answer is None else None
    if now is not None and now.status == job.status and now.held == held:
        word = "held" if held else "not held"
        raise IllegalMoveError(f"'{job.name}' is {word} already.", "There is nothing to do.")
    return answer


def _reorder(registry: Registry, job: Job, args: dict[str, Any], user: str) -> requests.Ack:
    other = registry.resolve(args["before"]) if args["before"] is not None else None
    if other is not None and other.id == job.id:
        raise IllegalMoveError(
            f"'{job.name}' cannot start before itself.", "Name another job of the queue."
        )
    answer = idle_jobs.reorder(registry, job, other, user, args["seen_at"])
    if answer is not None:
        return answer
    for one in filter(None, (job, other)):
        now = registry.get(one.id)
        if now is None or now.status != job.status:
            standing = now.status if now else "gone"
            raise IllegalMoveError(
                f"'{job.name}' stays in its place: '{one.name}' is {standing}.",
                "Look at the queue again.",
            )
    raise IllegalMoveError(
        f"'{job.name}' stays in its place: somebody else has just moved it.",
        "Look at the queue again.",
    )
