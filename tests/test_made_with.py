"""What a run is made with is what is here."""

import platform

import gevent
import urllib3
import zmq

from greenload.made_with import made_with


def test_versions_are_those_of_this_process():
    made = made_with()

    assert made["python"].split()[1] == platform.python_version()
    assert (made["gevent"], made["urllib3"], made["pyzmq"]) == (
        gevent.__version__,
        urllib3.__version__,
        zmq.__version__,
    )
    assert {"httptools", "hdrhistogram", "os", "machine"} <= made.keys()
    assert int(made["cores"]) >= 1
