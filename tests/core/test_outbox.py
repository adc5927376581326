"""Nothing that was put into the outbox is lost, and nothing that was sent changes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.messages import Report
from greenload.core.outbox import MOST_ON_THE_WAY, SEND_AGAIN_S, Outbox
from tests.conftest import requests_of


def report(from_s=0.0, requests=1, covered_s=1.0, users=1, cpu_percent=10.0, counted=0):
    return Report("one", 7, 0, from_s, from_s + covered_s, requests_of(requests), users, cpu_percent, counted)


def seqs(reports):
    return [each.seq for each in reports]


def full_outbox():
    """An outbox with as many reports on the way as there may be, the last one sent at MOST_ON_THE_WAY seconds."""
    outbox = Outbox()
    for second in range(1, MOST_ON_THE_WAY + 1):
        outbox.put(report(second))
        outbox.due(float(second))
    return outbox


# Numbers


def test_reports_are_numbered_from_one_on_as_they_are_sent():
    outbox = Outbox()
    sent = []
    for second in range(3):
        outbox.put(report(second))
        sent += outbox.due(second / 10)

    assert [(each.seq, each.from_s) for each in sent] == [(1, 0.0), (2, 1.0), (3, 2.0)]


def test_a_report_that_waits_has_no_number_so_that_the_next_one_can_still_be_added_to_it():
    outbox = Outbox()
    outbox.put(report(0, requests=2))
    outbox.put(report(1, requests=3))

    sent = outbox.due(1.0)

    assert [(each.seq, each.stats.sent) for each in sent] == [(1, 5)]


def test_what_was_sent_is_not_due_again_at_once():
    outbox = Outbox()
    outbox.put(report())
    outbox.due(0.0)

    assert outbox.due(SEND_AGAIN_S - 0.01) == []


def test_nothing_is_due_when_nothing_was_put():
    assert Outbox().due(1000.0) == []


# What waits


def test_no_more_than_the_most_are_on_the_way():
    outbox = full_outbox()
    outbox.put(report(11))

    assert outbox.due(MOST_ON_THE_WAY + 0.5) == []
    assert seqs(outbox.due(100.0)) == list(range(1, MOST_ON_THE_WAY + 1))


def test_what_waits_is_added_together_and_sent_as_one_when_there_is_room():
    outbox = full_outbox()
    for second, requests in ((11, 3), (12, 0), (13, 4)):
        outbox.put(report(second, requests, users=second, counted=100 + second))

    outbox.acknowledge(1, 13.0)
    [sent] = outbox.due(13.1)

    assert (sent.seq, sent.from_s, sent.until_s) == (MOST_ON_THE_WAY + 1, 11.0, 14.0)
    assert (sent.stats.sent, sent.stats.succeeded) == (7, 7)
    assert (sent.users, sent.counted) == (13, 113)


def test_adding_reports_leaves_the_ones_that_were_put_as_they_were():
    outbox = Outbox()
    early, late = report(0, requests=2), report(1, requests=3)
    outbox.put(early)
    outbox.put(late)

    assert (early.stats.sent, late.stats.sent) == (2, 3)


def test_the_processor_time_of_an_added_report_is_the_time_that_was_used_in_both():
    outbox = Outbox()
    outbox.put(report(0, covered_s=1.0, cpu_percent=90.0))
    outbox.put(report(1, covered_s=0.5, cpu_percent=30.0))
    outbox.put(report(1.5, covered_s=1.5, cpu_percent=10.0))

    [sent] = outbox.due(3.0)

    assert sent.cpu_percent == pytest.approx(40.0)


def test_two_reports_of_no_time_at_all_are_added_without_a_division_by_it():
    outbox = Outbox()
    outbox.put(report(1, covered_s=0.0, cpu_percent=0.0))
    outbox.put(report(1, covered_s=0.0, cpu_percent=20.0))

    [sent] = outbox.due(1.0)

    assert (sent.stats.sent, sent.cpu_percent) == (2, 20.0)


# Once more


def test_what_nobody_acknowledged_is_sent_again_as_it_was():
    outbox = Outbox()
    outbox.put(report(0, requests=2))
    first = outbox.due(0.0)
    outbox.put(report(1, requests=3))
    first += outbox.due(1.0)

    again = outbox.due(1.0 + SEND_AGAIN_S)

    assert again == first
    assert [each.stats.sent for each in again] == [2, 3]


def test_what_is_sent_again_is_given_its_time_as_well():
    outbox = Outbox()
    outbox.put(report())
    outbox.due(10.0)

    assert seqs(outbox.due(10.0 + SEND_AGAIN_S)) == [1]
    assert outbox.due(10.0 + 2.9 * SEND_AGAIN_S) == []
    assert seqs(outbox.due(10.0 + 3 * SEND_AGAIN_S)) == [1]


def test_a_silent_master_is_sent_less_and_less_until_it_says_anything():
    outbox = Outbox()
    outbox.put(report())
    sent_s = [at_s for at_s in range(100) if outbox.due(float(at_s))]
    outbox.acknowledge(0, 100.0)
    sent_s += [at_s for at_s in range(100, 105) if outbox.due(float(at_s))]

    assert sent_s[:6] == [0, 2, 6, 14, 30, 46]
    assert sent_s[-2:] == [100, 104]


def test_the_wait_counts_from_the_sending_not_from_the_last_answer():
    outbox = Outbox()
    outbox.put(report())
    outbox.due(0.0)
    outbox.acknowledge(1, 0.1)
    outbox.put(report(1))
    outbox.due(1.0)

    assert outbox.due(0.1 + SEND_AGAIN_S) == []
    assert seqs(outbox.due(1.0 + SEND_AGAIN_S)) == [2]


def test_a_report_that_got_lost_is_sent_again_in_time_though_new_ones_go_out_each_second():
    """Each new one began the waiting anew: the lost one went out again when there was no more room, after 12 s."""
    outbox = Outbox()
    sent_at_s = []
    for second in range(8):
        outbox.put(report(second))
        sent_at_s += [second for each in outbox.due(float(second)) if each.seq == 1]
        outbox.acknowledge(0, second + 0.5)  # the master is there, and says that it still waits for the first

    assert sent_at_s == [0, 2, 4, 6]


def test_as_long_as_the_master_takes_reports_none_is_sent_twice():
    outbox = Outbox()
    sent = []
    for second in range(20):
        outbox.put(report(second))
        sent += outbox.due(float(second))
        outbox.acknowledge(second, second + 0.5)  # always one behind

    assert seqs(sent) == list(range(1, 21))


# Acknowledged


def test_an_acknowledgement_lets_go_of_all_up_to_it_and_of_no_more():
    outbox = full_outbox()

    outbox.acknowledge(4, 10.0)

    assert seqs(outbox.due(100.0)) == list(range(5, MOST_ON_THE_WAY + 1))


def test_an_old_acknowledgement_changes_nothing():
    outbox = full_outbox()
    outbox.acknowledge(4, 10.0)

    outbox.acknowledge(2, 11.0)

    assert outbox.due(10.0 + SEND_AGAIN_S - 0.01) == []
    assert seqs(outbox.due(10.0 + SEND_AGAIN_S)) == list(range(5, MOST_ON_THE_WAY + 1))


def test_an_acknowledgement_does_not_reach_what_was_not_sent():
    outbox = Outbox()
    outbox.put(report())

    outbox.acknowledge(5, 0.0)

    assert not outbox.is_empty
    assert seqs(outbox.due(0.0)) == [1]


def test_it_is_empty_when_nothing_waits_and_all_that_was_sent_is_acknowledged():
    outbox = Outbox()
    assert outbox.is_empty

    outbox.put(report())
    assert not outbox.is_empty

    outbox.due(0.0)
    assert not outbox.is_empty

    outbox.acknowledge(1, 0.1)
    assert outbox.is_empty


actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5)),
        st.tuples(st.just("due"), st.sampled_from([0.0, 0.3, SEND_AGAIN_S])),
        st.tuples(st.just("acknowledge"), st.integers(0, 30)),
    ),
    max_size=60,
)


@given(actions)
def test_each_request_is_in_one_report_whatever_is_put_sent_and_acknowledged(done):
    """A sent report that changed would be wrong on one side: the master may have counted it already."""
    outbox, now_s, put = Outbox(), 0.0, 0
    sent = {}

    def send():
        due = outbox.due(now_s)
        assert seqs(due) == sorted(set(seqs(due)))
        assert len(due) <= MOST_ON_THE_WAY
        for each in due:
            assert sent.setdefault(each.seq, (each.stats.sent, each.until_s)) == (each.stats.sent, each.until_s)

    for what, value in done:
        if what == "put":
            put += value
            outbox.put(report(now_s, requests=value))
        elif what == "due":
            now_s += value
            send()
        else:
            outbox.acknowledge(min(value, len(sent)), now_s)
    while not outbox.is_empty:
        send()
        outbox.acknowledge(len(sent), now_s)

    assert sum(requests for requests, _ in sent.values()) == put
    assert sorted(sent) == list(range(1, len(sent) + 1))


def test_steps_of_the_clock_in_seconds_that_are_added_together_are_added():
    outbox = Outbox()
    outbox.put(replace(report(0), clock_step_s=2.0))
    outbox.put(replace(report(1), clock_step_s=-0.5))

    [sent] = outbox.due(1.0)

    assert sent.clock_step_s == 1.5


# How many wait


def test_a_report_says_how_many_before_it_are_without_an_acknowledgement():
    outbox = Outbox()
    sent = []
    for second in range(3):
        outbox.put(report(second))
        sent += outbox.due(second / 10)

    outbox.acknowledge(2, 0.3)
    outbox.put(report(3))

    assert [each.unacknowledged for each in sent] == [0, 1, 2]
    assert outbox.unacknowledged == 2
    assert [each.unacknowledged for each in outbox.due(0.4)] == [1]
