"""What goes over a wire comes back the same, and what is no message is refused with the place and the reason."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.arrivals import POISSON, UNIFORM, Arrivals
from greenload.core.codec import Malformed
from greenload.core.histogram import Histogram
from greenload.core.kinds import Occurrences
from greenload.core.log_line import LogLine
from greenload.core.messages import (
    Ack,
    Beat,
    Bye,
    Changes,
    Claim,
    Grant,
    Hello,
    Log,
    Plan,
    Refused,
    Report,
    Resolved,
    Start,
    Stop,
)
from greenload.core.phases import PHASES
from greenload.core.placement import Share
from greenload.core.plain import from_plain, to_plain
from greenload.core.plain_stats import STATS
from greenload.core.roster import EDIT, JOIN, LOSE, Change, Edit
from greenload.core.shape import Shape, Stage, parse_rate_stages, parse_stages
from greenload.core.stall import Stall
from greenload.core.stats import Sample, Stats, sum_of

SHARES = (Share("Reader", 0.5), Share("Admin", 1, 2))
PLAN = Plan(parse_stages("5@10s,0@5s"), 15.0, SHARES, "http://h", 10.0, -3, (Resolved("h", "::1"),), None, True)
AT = "2030-01-01T10:20:30Z"
CHANGES = (Change(0.0, JOIN, "one"), Change(4.5, LOSE, "one"))


def stats_of(samples):
    stats = Stats()
    for sample in samples:
        stats.record(sample)
        stats.sent += 1
    return stats


def report_of(stats):
    return Report("one", 7, 3, 2.0, 3.0, stats, 5, 12.5, stats.sent, 6)


def plain_of(stats):
    """Everything a Stats holds, as values that can be compared."""
    return to_plain(report_of(stats))


def counts_of_phases(stats):
    phases = stats.tallies["GET", "/"].phases
    return None if phases is None else {phase: held.count for phase, held in phases.histograms.items()}


def phased():
    """A Stats of which one request has connected and received."""
    stats = stats_of([Sample("GET", "/", 1.0, 1.0, 1.5, None, 10)])
    stats.record_phase("GET", "/", "connect", 0.002)
    stats.record_phase("GET", "/", "receive_new", 0.005)
    return stats


durations = st.floats(0, 5000)
samples = st.builds(
    lambda method, name, late_s, took_s, error, size: Sample(
        method, name, 1.0, 1.0 + late_s, 1.0 + late_s + took_s, error, size
    ),
    st.sampled_from(["GET", "POST"]), st.text(max_size=5), st.sampled_from([0.0, 0.5]), durations,
    st.none() | st.text(min_size=1, max_size=10), st.integers(0, 10**6),
)  # fmt: skip


@given(st.lists(samples, max_size=30), st.lists(st.tuples(st.sampled_from(PHASES), durations)))
def test_a_report_comes_back_the_same_from_a_wire_that_carries_text(recorded, phases):
    stats = stats_of(recorded)
    for phase, took_s in phases:
        stats.record_phase("GET", "/", phase, took_s)
    stats.record_unfinished("GET", "/", 3.5)
    stats.exceptions.count("in task A.b\nboom", 2)
    stats.lag.record(15)
    stats.missed_slots, stats.longest_stall = 4, Stall(1.25, 2.0)
    stats.tasks.count([(("Shopper", "look"), 3), (("Shopper", "Checkout.pay"), 1)])
    stats.tasks.others = 2

    back = from_plain(json.loads(json.dumps(to_plain(report_of(stats)))))

    assert plain_of(back.stats) == plain_of(stats)
    assert counts_of_phases(back.stats) == counts_of_phases(stats)
    assert (back.worker, back.epoch, back.seq, back.second, back.users) == ("one", 7, 3, 2, 5)


@given(st.lists(samples, max_size=20), st.lists(samples, max_size=20))
def test_adding_what_came_over_a_wire_is_adding(one, two):
    straight, carried = stats_of(one), stats_of(one)
    straight.add(stats_of(two))

    carried.add(from_plain(to_plain(report_of(stats_of(two)))).stats)

    assert plain_of(carried) == plain_of(straight)


@pytest.mark.parametrize(
    "message",
    [
        Hello("one", 7, "0.1.0", "ab" * 32),
        Beat("one", 7, 4, 2),
        Log("one", 7, (), 0),
        Log("one", 7, (LogLine("2030-01-01T10:20:30.123+00:00", "warning", "a\n\x1b"), LogLine(AT, "info", "")), 9),
        Bye("one", 7, None),
        Bye("one", 7, "TypeError: boom"),
        Start(PLAN, CHANGES, 2.5),
        Changes(3, CHANGES),
        Ack(3, 2),
        Claim("one", 7, 2, "accounts", 10_000),
        Grant(2, 30_000),
        Stop(True),
        Refused("go away"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_each_message_comes_back_the_same(message):
    assert from_plain(json.loads(json.dumps(to_plain(message)))) == message


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(anything)
def test_what_is_no_message_is_refused(plain):
    with pytest.raises(Malformed):
        from_plain(plain)


@given(st.data())
def test_a_report_that_was_tampered_with_is_refused_or_still_a_report(data):
    """Replace any one part of a real report with anything: it never crashes, and never lets counts disagree."""
    plain = to_plain(report_of(phased()))
    part = plain
    while True:
        index = data.draw(st.integers(0, len(part) - 1))
        if not isinstance(part[index], list) or not part[index] or data.draw(st.booleans()):
            break
        part = part[index]
    part[index] = data.draw(anything)

    try:
        report = from_plain(plain)
    except Malformed:
        return

    assert isinstance(report, Report | Hello | Beat | Bye | Ack | Stop | Refused | Changes)
    if isinstance(report, Report):
        for tally in report.stats.tallies.values():
            service, response = tally.succeeded.service, tally.succeeded.response
            assert service.count == response.count == sum(service.counts.values())
            assert tally.phases is None or set(tally.phases.histograms) <= set(PHASES)


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (
            lambda plain: plain.__setitem__(2, -1),
            "report: epoch: expected a whole number of 0 to 1099511627776, not -1",
        ),
        (lambda plain: plain.__setitem__(4, float("nan")), "report: from_s: expected a number of 0 to 1e+09"),
        (lambda plain: plain.pop(), "report: expected a list of 12"),
        (lambda plain: plain[6][0][0][2][0][0][4].__setitem__(0, 10**6), "expected whole numbers of 0 to 23551"),
        (lambda plain: plain[6][0][0][2][0][0][5].__setitem__(0, 2), "cannot belong to these counts"),
        (lambda plain: plain[6][0][0][2][0][0][5].__setitem__(0, True), "whole numbers of 1 to"),
        (lambda plain: plain[6][0][0][2][0][0][5].append(1), "distinct buckets and a count for each"),
        (lambda plain: [each.append(each[0]) for each in plain[6][0][0][2][0][0][4:]], "distinct buckets"),
        (lambda plain: plain[6][0][0][2][0][0].__setitem__(slice(4, 6), [[], []]), "whole numbers of 0 to 23551"),
    ],
    ids=["epoch", "time", "length", "bucket", "count", "truth", "too many", "twice", "none"],
)
def test_a_refusal_says_where_and_what(spoil, where):
    plain = to_plain(report_of(stats_of([Sample("GET", "/", 1.0, 1.0, 1.5, None, 10)])))

    spoil(plain)

    with pytest.raises(Malformed) as refused:
        from_plain(plain)
    assert where in str(refused.value)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda phases: phases.append(phases[0]), "a list of 6"),
        (lambda phases: phases.pop(), "a list of 6"),
        (lambda phases: phases.__setitem__(slice(None), [None] * 6), "at least one phase"),
        (lambda phases: phases[4][5].__setitem__(0, 2), "phases: receive_new: the sum"),
        (lambda phases: phases.__setitem__(1, {"connect": []}), "phases: tls: expected a list of 6"),
    ],
    ids=["one more", "one less", "none", "count", "mapping"],
)
def test_there_are_just_these_phases_and_each_is_a_histogram(spoil, what):
    plain = to_plain(report_of(phased()))

    spoil(plain[6][0][0][2][5])

    with pytest.raises(Malformed, match=what):
        from_plain(plain)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda columns: columns[0].__setitem__(0, float("inf")), "times"),
        (lambda columns: columns[0].__setitem__(0, True), "times"),
        (lambda columns: columns[0].__setitem__(0, -1.0), "times"),
        (lambda columns: columns[0].__setitem__(0, 1e10), "times"),
        (lambda columns: columns[2].__setitem__(1, "\x1b[31m"), "names"),
        (lambda columns: columns[2].__setitem__(1, ""), "names"),
        (lambda columns: columns[1].__setitem__(0, "leave"), "join or lose"),
        (lambda columns: columns[1].__setitem__(0, []), "join or lose"),
        (lambda columns: columns[2].__setitem__(1, "x" * 9_000), "names"),
        (lambda columns: columns[2].__setitem__(1, 7), "names"),
        (lambda columns: columns[2].pop(), "a worker for each change"),
    ],
    ids=["infinite", "truth", "negative", "far", "control", "nameless", "kind", "list", "long", "number", "missing"],
)
def test_a_change_of_the_roster_that_cannot_be_one_is_refused(spoil, what):
    plain = to_plain(Changes(3, CHANGES))

    spoil(plain[2][0])

    with pytest.raises(Malformed, match=what):
        from_plain(plain)


# What no honest end of the wire says


def replaced(**fields):
    return to_plain(replace(report_of(stats_of([Sample("GET", "/", 1.0, 1.0, 1.5, None, 10)])), **fields))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"from_s": 1e30, "until_s": 1e30}, "report: from_s: expected a number of 0 to 1e+09"),
        ({"from_s": -5e3}, "report: from_s: expected a number of 0 to 1e+09"),
        ({"until_s": 1e300}, "report: until_s: expected a number of 0 to 1e+09"),
        ({"until_s": 1.5}, "report: expected an end that is not before the beginning"),
        ({"users": 10**6 + 1}, "report: users: expected a whole number of 0 to 1000000"),
        ({"cpu_percent": 1e6}, "report: cpu_percent: expected a number of 0 to 100000"),
        ({"cpu_percent": -1.0}, "report: cpu_percent: expected a number of 0 to 100000"),
        ({"counted": 2**40 + 1}, "report: counted: expected a whole number of 0 to 1099511627776"),
        ({"worker": "\x1b[31mred"}, "report: worker: expected a name of 1 to 100 characters"),
        ({"worker": ""}, "report: worker: expected a name of 1 to 100 characters"),
        ({"worker": "x" * 101}, "report: worker: expected a name of 1 to 100 characters"),
    ],
    ids=["far", "negative", "late", "backwards", "users", "cores", "no cpu", "counted", "control", "nameless", "long"],
)
def test_a_report_with_a_number_or_a_name_that_cannot_be_meant_is_refused(fields, where):
    with pytest.raises(Malformed) as refused:
        from_plain(json.loads(json.dumps(replaced(**fields))))

    assert str(refused.value).startswith(where)


def set_sent(stats):
    stats.sent = 2**40 + 1


def set_missed_slots(stats):
    stats.missed_slots = 2**40 + 1


def set_stall(stats):
    stats.longest_stall = Stall(2e9, 0.0)


def set_died(stats):
    stats.users_died = 2**40 + 1


def set_bytes(stats):
    stats.tallies["GET", "/"].received_bytes = 2**50 + 1


def set_times(stats):
    for _ in range(30):
        stats.add(sum_of([stats]))  # doubles it


def set_exceptions(stats):
    stats.exceptions.kept["boom"] = Occurrences(2**40 + 1, 1, 1)


def set_failures(stats):
    stats.tallies["GET", "/"].failures.kept["boom"] = Occurrences(2**40 + 1, 1, 1)


def set_count_of_phase(stats):
    stats.record_phase("GET", "/", "tls", 1e-6)
    histogram = stats.tallies["GET", "/"].phases.histograms["tls"]
    histogram.count = histogram.counts[1] = histogram.sum_us = 2**40 + 1


def set_times_of_phase(stats):
    stats.record_phase("GET", "/", "tls", 3_600.0)
    histogram = stats.tallies["GET", "/"].phases.histograms["tls"]
    for _ in range(20):
        histogram.add(doubled(histogram))


def doubled(histogram):
    other = Histogram()
    other.add(histogram)
    return other


def set_tasks(stats):
    stats.tasks.count([(("Shopper", "look"), 2**40 + 1)])


def set_other_tasks(stats):
    stats.tasks.others = 2**40 + 1


def set_task_names(stats):
    stats.tasks.kept = dict.fromkeys((("Shopper", str(number)) for number in range(1_001)), 1)


def set_second(stats):
    stats.exceptions.kept["boom"] = Occurrences(1, 1, 10**9 + 1)


@pytest.mark.parametrize(
    "enlarge",
    [
        *(set_sent, set_missed_slots, set_stall, set_died, set_bytes, set_times, set_exceptions, set_failures),
        *(set_second, set_count_of_phase, set_times_of_phase, set_tasks, set_other_tasks, set_task_names),
    ],
    ids=lambda enlarge: enlarge.__name__,
)
def test_a_report_with_more_in_it_than_one_can_have_is_refused(enlarge):
    """Two reports of 2**63 - 1 requests were more than the file holds, and the run ended for all."""
    stats = stats_of([Sample("GET", "/", 1.0, 1.0, 3_001.0, None, 10)])
    enlarge(stats)

    with pytest.raises(Malformed, match=r"at most|to 1000000000|to 1e\+09"):
        from_plain(to_plain(replace(report_of(stats), counted=0)))


def test_what_many_reports_add_up_to_is_read_again():
    """The bounds of one report are not those of a second that was kept."""
    stats = stats_of([Sample("GET", "/", 1.0, 1.0, 3_001.0, None, 10)])
    set_times(stats)
    set_bytes(stats)

    back = STATS.load(json.loads(json.dumps(STATS.dump(stats))))

    assert plain_of(back) == plain_of(stats)


@pytest.mark.parametrize("count", [0, 10_001, 2**63 - 1])
def test_a_claim_of_no_rows_or_of_more_than_a_worker_asks_for_is_refused(count):
    with pytest.raises(Malformed, match="claim: count: expected a whole number of 1 to 10000"):
        from_plain(to_plain(Claim("one", 7, 1, "accounts", count)))


@pytest.mark.parametrize(
    "message",
    [
        Grant(1, 2**40 + 1),
        Start(PLAN, CHANGES, -1.0),
        Start(PLAN, CHANGES, 1e10),
        Start(replace(PLAN, duration_s=1e10), CHANGES, 0.0),
        Start(replace(PLAN, stop_timeout_s=-1.0), CHANGES, 0.0),
        Changes(3, (Edit(1e10, EDIT, 5, 1.0),)),
        Changes(3, (Edit(1.0, EDIT, 10**6 + 1, 1.0),)),
    ],
    ids=["row", "before", "far", "long", "timeout", "edit", "users"],
)
def test_an_order_with_a_number_that_cannot_be_meant_is_refused(message):
    with pytest.raises(Malformed, match="of 0 to"):
        from_plain(to_plain(message))


rate_shapes = st.lists(st.builds(Stage, st.floats(0, 1e6), st.floats(0, 1e9)), max_size=3).map(
    lambda stages: Shape(tuple(stages))
)
some_arrivals = st.builds(
    Arrivals, rate_shapes, st.sampled_from([UNIFORM, POISSON]), st.integers(1, 10**6), st.floats(0.001, 3600)
)


@given(some_arrivals)
def test_a_plan_with_arrivals_comes_back_the_same_from_a_wire_that_carries_text(arrivals):
    start = Start(replace(PLAN, shape=Shape(()), arrivals=arrivals), CHANGES, 1.5)

    assert from_plain(json.loads(json.dumps(to_plain(start)))) == start


ARRIVALS_AT = [field.name for field in fields(Plan)].index("arrivals")
ARRIVALS = Arrivals(parse_rate_stages("5/s@10s"), POISSON, 7, 2.5)
PLAIN_ARRIVALS = to_plain(Start(replace(PLAN, arrivals=ARRIVALS), (), 0.0))[1][ARRIVALS_AT]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (1, "random"), (1, None), (2, 0), (2, 10**6 + 1), (2, 1.5), (3, 0.0), (3, -1.0), (3, 3_601.0), (3, "5s"),
        (0, [[1e7, 1.0]]), (0, None),
    ],
)  # fmt: skip
def test_arrivals_that_cannot_be_meant_are_no_message(place, value):
    plain = to_plain(Start(replace(PLAN, arrivals=ARRIVALS), (), 0.0))
    assert plain[1][ARRIVALS_AT] == PLAIN_ARRIVALS

    plain[1][ARRIVALS_AT] = [*PLAIN_ARRIVALS[:place], value, *PLAIN_ARRIVALS[place + 1 :]]

    with pytest.raises(Malformed):
        from_plain(plain)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda log: log[3].extend(log[3][:1] * 50), "log: lines: expected at most 50 lines"),
        (lambda log: log[3][0].__setitem__(2, "x" * 501), "text: expected text of at most 500 characters"),
        (lambda log: log[3][0].__setitem__(2, b"x"), "text: expected text of at most 500 characters"),
        (lambda log: log[3][0].__setitem__(1, "\x1b"), "level: expected info or warning or error or critical"),
        (lambda log: log[3][0].__setitem__(0, AT + "\n"), "at: expected a time of day in UTC, ISO 8601"),
        (lambda log: log[3][0].__setitem__(0, "yesterday"), "at: expected a time of day in UTC, ISO 8601"),
        (lambda log: log[3][0].append(1), "expected a list of 3"),
        (lambda log: log.__setitem__(4, -1), "log: dropped: expected a whole number of 0 to"),
    ],
    ids=["many", "long", "bytes", "level", "line end", "time", "more", "dropped"],
)
def test_a_log_with_more_in_it_than_a_worker_says_is_refused(spoil, what):
    plain = json.loads(json.dumps(to_plain(Log("one", 7, (LogLine(AT, "info", "hello"),), 0))))

    spoil(plain)

    with pytest.raises(Malformed) as refused:
        from_plain(plain)
    assert what in str(refused.value)
