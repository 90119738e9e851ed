import pytest

from gladius_widgets.core.states import (
    ACTIVE,
    FINAL,
    LEGAL_COMMANDS,
    LEGAL_MOVES,
    RESUMABLE,
    Command,
    JobStatus,
    is_legal_command,
    is_legal_move,
)

S, C = JobStatus, Command


def test_tables_know_every_state_and_command():
    assert set(LEGAL_MOVES) == set(JobStatus)
    assert set(LEGAL_COMMANDS) == set(Command)


def test_states_are_queued_active_or_final():
    assert set(JobStatus) == {S.QUEUED} | ACTIVE | FINAL
    assert not ACTIVE & FINAL
    assert all(state.is_active == (state in ACTIVE) for state in S)
    assert all(state.is_final == (state in FINAL) for state in S)
    assert RESUMABLE < FINAL


def test_nothing_moves_to_itself():
    assert not any(is_legal_move(state, state) for state in S)


@pytest.mark.parametrize("state", [S.COMPLETED, S.CANCELLED])
def test_completed_and_cancelled_are_the_end(state):
    assert LEGAL_MOVES[state] == frozenset()
    assert not any(is_legal_command(state, command) for command in C)


def test_every_state_can_be_reached_from_queued():
    reached, todo = {S.QUEUED}, [S.QUEUED]
    while todo:
        new = LEGAL_MOVES[todo.pop()] - reached
        reached |= new
        todo += new
    assert reached == set(S)


def test_every_active_state_can_end_and_no_final_one_runs_on():
    for state in ACTIVE:
        assert LEGAL_MOVES[state] & FINAL
    for state in FINAL - {S.LOST}:  # a lost job may turn out to be alive
        assert LEGAL_MOVES[state] <= {S.QUEUED}


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (S.QUEUED, {C.HOLD, C.UNHOLD, C.REORDER, C.AFTER, C.CANCEL}),
        (S.PROVISIONING, set(C) - {C.RESUME, C.HOLD, C.UNHOLD, C.REORDER, C.AFTER}),
        (S.TRAINING, set(C) - {C.RESUME, C.HOLD, C.UNHOLD, C.REORDER, C.AFTER}),
        (S.PAUSED, set(C) - {C.PAUSE, C.HOLD, C.UNHOLD, C.REORDER, C.AFTER}),
        (S.STOPPING, {C.CANCEL}),
        (S.CANCELLING, set()),
        (S.STOPPED, {C.RESUME}),
        (S.FAILED, {C.RESUME}),
        (S.LOST, {C.RESUME}),
    ],
)
def test_commands_of_each_state(state, commands):
    assert {command for command in C if is_legal_command(state, command)} == commands
