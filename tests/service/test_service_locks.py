"""The lock kinds, with real threads."""

import threading

import pytest

from service.locks import Mutex, NoLock, ReadWriteLock

PATIENCE_S = 5
# Long enough to get in if nothing holds a thread back.
A_MOMENT_S = 0.05


def enter(context):
    """Enter in a thread of its own; return (it is inside, let it out, the thread)."""
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with context:
            inside.set()
            leave.wait(PATIENCE_S)

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    return inside, leave, thread


def test_readers_share_a_read_write_lock(together):
    lock = ReadWriteLock()
    everybody_inside = threading.Barrier(4)

    def read(_):
        with lock.reading():
            return everybody_inside.wait(PATIENCE_S)

    places = together(4, read, range(4))

    assert sorted(places) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", [Mutex, ReadWriteLock])
@pytest.mark.parametrize("newcomer", ["reading", "writing"])
def test_a_writer_keeps_everybody_else_out_until_it_leaves(kind, newcomer):
    lock = kind()

    with lock.writing():
        inside, leave, thread = enter(getattr(lock, newcomer)())
        was_inside = inside.wait(A_MOMENT_S)

    assert not was_inside
    assert inside.wait(PATIENCE_S)
    leave.set()
    thread.join(PATIENCE_S)


@pytest.mark.parametrize("kind", [Mutex, ReadWriteLock])
def test_a_reader_keeps_a_writer_out_until_it_leaves(kind):
    lock = kind()

    with lock.reading():
        inside, leave, thread = enter(lock.writing())
        was_inside = inside.wait(A_MOMENT_S)

    assert not was_inside
    assert inside.wait(PATIENCE_S)
    leave.set()
    thread.join(PATIENCE_S)


def test_the_last_of_several_readers_lets_the_writer_in():
    lock = ReadWriteLock()

    with lock.reading():
        other, other_leave, other_thread = enter(lock.reading())
        assert other.wait(PATIENCE_S)
        writer, writer_leave, writer_thread = enter(lock.writing())
    was_inside = writer.wait(A_MOMENT_S)
    other_leave.set()

    assert not was_inside
    assert writer.wait(PATIENCE_S)
    writer_leave.set()
    other_thread.join(PATIENCE_S)
    writer_thread.join(PATIENCE_S)


def test_readers_that_keep_coming_do_not_starve_a_writer():
    """Without a rule for writers each newcomer of this test gets in, and the writer never would."""
    lock = ReadWriteLock()
    newcomers = []

    with lock.reading():
        writer, writer_leave, writer_thread = enter(lock.writing())
        for _ in range(20):
            newcomers.append(enter(lock.reading()))
            is_held_back = not newcomers[-1][0].wait(A_MOMENT_S)
            if is_held_back:
                break
        assert is_held_back
        for _, leave, _ in newcomers[:-1]:
            leave.set()

    assert writer.wait(PATIENCE_S)
    assert not newcomers[-1][0].is_set()
    writer_leave.set()
    assert newcomers[-1][0].wait(PATIENCE_S)
    newcomers[-1][1].set()
    for thread in [writer_thread, *(thread for _, _, thread in newcomers)]:
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("kind", [Mutex, ReadWriteLock])
@pytest.mark.usefixtures("nervous_threads")
def test_many_threads_never_see_a_half_written_value(kind, together):
    lock = kind()
    pair = [0, 0]
    torn = []

    def write():
        with lock.writing():
            one = int(pair[0]) + 1  # the calls are where Python may change threads
            pair[0] = one
            pair[1] = int(pair[1]) + 1

    def read():
        with lock.reading():
            one, two = int(pair[0]), int(pair[1])
        if one != two:
            torn.append((one, two))

    together(7, lambda number: read() if number % 4 else write(), range(2000))

    assert torn == []
    assert pair == [500, 500]


@pytest.mark.parametrize("kind", [NoLock, Mutex, ReadWriteLock])
@pytest.mark.parametrize("how", ["reading", "writing"])
def test_an_error_inside_leaves_the_lock_free(kind, how):
    lock = kind()

    with pytest.raises(KeyError), getattr(lock, how)():
        raise KeyError

    inside, leave, thread = enter(lock.writing())
    assert inside.wait(PATIENCE_S)
    leave.set()
    thread.join(PATIENCE_S)


def test_no_lock_lets_two_writers_in():
    lock = NoLock()

    with lock.writing():
        inside, leave, thread = enter(lock.writing())
        was_inside = inside.wait(PATIENCE_S)

    assert was_inside
    leave.set()
    thread.join(PATIENCE_S)
