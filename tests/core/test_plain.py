"""What goes over a wire comes back the same, and what is no message is refused with the place and the reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.codec import Malformed
from greenload.core.messages import Ack, Beat, Bye, Changes, Hello, Plan, Refused, Report, Resolved, Start, Stop
from greenload.core.placement import Share
from greenload.core.plain import from_plain, to_plain
from greenload.core.roster import JOIN, LOSE, Change
from greenload.core.shape import parse_stages
from greenload.core.stats import Sample, Stats

SHARES = (Share("Reader", 0.5), Share("Admin", 1, 2))
PLAN = Plan(parse_stages("5@10s,0@5s"), 15.0, SHARES, "http://h", 10.0, -3, (Resolved("h", "::1"),))
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


durations = st.floats(0, 5000)
samples = st.builds(
    lambda method, name, late_s, took_s, error, size: Sample(
        method, name, 1.0, 1.0 + late_s, 1.0 + late_s + took_s, error, size
    ),
    st.sampled_from(["GET", "POST"]), st.text(max_size=5), st.sampled_from([0.0, 0.5]), durations,
    st.none() | st.text(min_size=1, max_size=10), st.integers(0, 10**6),
)  # fmt: skip


@given(st.lists(samples, max_size=30))
def test_a_report_comes_back_the_same_from_a_wire_that_carries_text(recorded):
    stats = stats_of(recorded)
    stats.record_unfinished("GET", "/", 3.5)
    stats.exceptions.count("in task A.b\nboom", 2)
    stats.lag.record(15)

    back = from_plain(json.loads(json.dumps(to_plain(report_of(stats)))))

    assert plain_of(back.stats) == plain_of(stats)
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
        Beat("one", 7, 4),
        Bye("one", 7, None),
        Bye("one", 7, "TypeError: boom"),
        Start(PLAN, CHANGES, 2.5),
        Changes(3, CHANGES),
        Ack(3),
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
    plain = to_plain(report_of(stats_of([Sample("GET", "/", 1.0, 1.0, 1.5, None, 10)] * 3)))
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


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda plain: plain.__setitem__(2, -1), "report: epoch: expected a whole number of 0 or more, not -1"),
        (lambda plain: plain.__setitem__(4, float("nan")), "report: from_s: expected a number"),
        (lambda plain: plain.pop(), "report: expected a list of 10"),
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
        (lambda columns: columns[0].__setitem__(0, float("inf")), "times"),
        (lambda columns: columns[0].__setitem__(0, True), "times"),
        (lambda columns: columns[1].__setitem__(0, "leave"), "join or lose"),
        (lambda columns: columns[1].__setitem__(0, []), "join or lose"),
        (lambda columns: columns[2].__setitem__(1, "x" * 9_000), "names"),
        (lambda columns: columns[2].__setitem__(1, 7), "names"),
        (lambda columns: columns[2].pop(), "a worker for each change"),
    ],
    ids=["infinite", "truth", "kind", "list", "long", "number", "missing"],
)
def test_a_change_of_the_roster_that_cannot_be_one_is_refused(spoil, what):
    plain = to_plain(Changes(3, CHANGES))

    spoil(plain[2][0])

    with pytest.raises(Malformed, match=what):
        from_plain(plain)
