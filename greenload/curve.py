"""CURVE on the wire: who gets in by a join key, and why somebody did not. Knows zmq, as transport.py does.

Both sides derive both key pairs from the join key. That alone keeps nobody out: a CURVE server lets in whoever knows
its public key, unless somebody answers at inproc://zeromq.zap.01 of its context (ZAP, ZeroMQ RFC 27). So somebody must,
and ZeroMQ is told to let nobody in when nobody answers.

ZeroMQ tells a worker little of why a handshake failed; see Handshakes.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import gevent
import zmq.green as zmq
from gevent import monkey
from gevent import socket as green_socket
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from greenload.key import JoinKey

MISSED_EDGE_S = 0.5
DOMAIN = b"greenload"
ZAP_ADDRESS = "inproc://zeromq.zap.01"  # the address is ZeroMQ's
FAILURES_IN_A_ROW = 3
GREETING_PATIENCE_S = 1.0
# ZMTP 3 (ZeroMQ RFC 23): a greeting has 64 bytes, of which 20 from the twelfth on name the mechanism. The other side
# sends all of its own when it has seen this much of ours.
OUR_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00"
GREETING_BYTES = 64
MECHANISM = slice(12, 32)

WRONG_KEY = "wrong join key: the master at {} has another one; give both sides the same key file"
KEY_WANTED = "the master at {} wants a join key; give this worker the master's with --key-file"
NO_KEY_THERE = "the master at {} has no join key, so this worker must not have one; give the master the same --key-file"
NO_MASTER = "what answers at {} is no greenload master; look at the address and the port"

KNOCKS_ADDRESS = "inproc://greenload.knocks"
KNOCKS = (
    zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED
)
TELL_AGAIN_S = 60.0
MOST_TOLD = 100  # addresses in that time
OTHER_KEY, NO_KEY = "has another join key", "has no join key"
UNKNOWN = "somebody who had gone by then"

# The socket of the operating system: gevent's would ask its loop to watch it.
_Socket: Any = monkey.get_original("socket", "socket")
log = logging.getLogger("greenload")


def guard(socket: Any, key: JoinKey) -> None:
    """Let only workers with `key` come to a master's socket; to be called before it is bound."""
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, z85.encode(key.master_secret()))
    socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # nobody answers: nobody gets in


def present(socket: Any, key: JoinKey) -> None:
    """Give a worker's socket what a master with `key` asks for; to be called before it is connected."""
    secret = z85.encode(key.workers_secret())
    socket.setsockopt(zmq.CURVE_SERVERKEY, zmq.curve_public(z85.encode(key.master_secret())))
    socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, zmq.curve_public(secret))


class Zap:
    """Answers ZeroMQ when it asks whether a client of `context` may come in: yes, with the workers' keys of `key`."""

    def __init__(self, context: Any, key: JoinKey) -> None:
        self._admitted = z85.decode(zmq.curve_public(z85.encode(key.workers_secret())))
        self._socket = context.socket(zmq.REP)
        self._socket._gevent_bug_timeout = MISSED_EDGE_S
        self._socket.bind(ZAP_ADDRESS)

    def answer(self) -> None:
        """Answer for ever."""
        while True:
            question = self._socket.recv_multipart()  # switch
            version, request, _domain, _address, _identity, mechanism, *credentials = question
            may = mechanism == b"CURVE" and credentials == [self._admitted]
            verdict = (b"200", b"OK") if may else (b"400", b"not the join key")
            self._socket.send_multipart([version, request, *verdict, b"", b""], zmq.NOBLOCK)

    def close(self) -> None:
        self._socket.close(0)


class Knocks:
    """Watches the handshakes at a master's socket, and logs who was not let in: each address once a minute at most.

    ZeroMQ does not say where a handshake came from that failed, but which descriptor its connection had, when that was
    accepted and when it ends. In between one can look who is at the other end, if one is quick enough.
    """

    def __init__(self, context: Any, socket: Any) -> None:
        self._watched = socket
        self._peers: dict[int, str] = {}  # by the descriptors of their connections
        self._told_s: dict[str, float] = {}
        self._untold = 0
        socket.monitor(KNOCKS_ADDRESS, KNOCKS)
        self._socket = context.socket(zmq.PAIR)
        self._socket._gevent_bug_timeout = MISSED_EDGE_S
        self._socket.setsockopt(zmq.RCVHWM, 0)  # at a limit ZeroMQ's own thread would wait, and all connections with it
        self._socket.connect(KNOCKS_ADDRESS)

    def heed(self) -> None:
        """Log for ever."""
        fault = None
        while True:
            event = parse_monitor_message(self._socket.recv_multipart())  # switch
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._peers[event["value"]] = self._peer_at(event["value"])
            elif event["event"] == zmq.EVENT_DISCONNECTED:  # which follows at once on what was wrong with the handshake
                peer = self._peers.pop(event["value"], UNKNOWN)
                if fault is not None:
                    self._tell(peer, fault, time.monotonic())
                fault = None
            else:
                fault = _fault_of(event["event"], event["value"])

    def close(self) -> None:
        if not self._watched.closed:
            self._watched.disable_monitor()
        self._socket.close(0)

    def _peer_at(self, descriptor: int) -> str:
        try:
            with _Socket(fileno=os.dup(descriptor)) as twin:
                peer = str(twin.getpeername()[0])
        except OSError:
            return UNKNOWN
        # ZeroMQ says that a connection ends before it closes it: with nothing more said, it was still this one.
        return UNKNOWN if self._socket.getsockopt(zmq.EVENTS) & zmq.POLLIN else peer

    def _tell(self, peer: str, fault: str, now_s: float) -> None:
        self._told_s = {each: at_s for each, at_s in self._told_s.items() if now_s - at_s < TELL_AGAIN_S}
        if peer in self._told_s or len(self._told_s) >= MOST_TOLD:
            self._untold += 1
            return
        self._told_s[peer] = now_s
        more = f"; {self._untold} more were not let in since this was last said" if self._untold else ""
        self._untold = 0
        log.warning("%s %s and is not let in%s", peer, fault, more)


def _fault_of(event: int, value: int) -> str | None:
    """Return what was wrong with the key in a handshake that failed like this, if it was the key."""
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH or value == zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
        return OTHER_KEY
    return NO_KEY if value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH else None


class Handshakes:
    """Watches the handshakes of a worker's socket with the master at `address` for one that cannot ever succeed.

    A master that finds our key wrong, or wants one when we have none, closes the connection without a word, as does a
    proxy before a master that is not there yet, or a master that is killed just then. So a closed connection says
    nothing. Only when it happened several times in a row, with no refused connection between, and the other side's
    greeting says that it is ZeroMQ and which mechanism it has, is it known to be the key.
    """

    def __init__(self, socket: Any, address: str, key: JoinKey | None) -> None:
        self._watched = socket
        self._address = address
        self._key = key
        self._in_a_row = 0
        self._is_shaking = False
        self._socket = socket.get_monitor_socket(zmq.EVENT_ALL)
        self._socket._gevent_bug_timeout = MISSED_EDGE_S

    def wait_for_refusal(self) -> str:
        """Wait until it is certain that the master does not want us; return the sentence that says why."""
        while True:
            event = parse_monitor_message(self._socket.recv_multipart())  # switch
            sentence = self._judge(event["event"], event["value"])  # switch
            if sentence is not None:
                return sentence.format(self._address)

    def close(self) -> None:
        if not self._watched.closed:
            self._watched.disable_monitor()
        self._socket.close(0)

    def _judge(self, event: int, value: int) -> str | None:
        """Return what `event` makes certain, if anything."""
        was_shaking = self._is_shaking
        self._is_shaking = event == zmq.EVENT_CONNECTED
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return WRONG_KEY
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            # ZeroMQ does not try again after this one.
            is_mismatch = value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
            return self._mismatch() if is_mismatch else NO_MASTER
        if event == zmq.EVENT_DISCONNECTED and was_shaking:
            # It says nothing of the handshake when what came was not even the beginning of one. No new try either.
            return NO_MASTER
        if event in (zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_CLOSED):
            self._in_a_row = 0
        if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            self._in_a_row += 1
        if self._in_a_row < FAILURES_IN_A_ROW:
            return None
        self._in_a_row = 0
        return self._reason(_mechanism_at(self._address))  # switch

    def _reason(self, mechanism: bytes | None) -> str | None:
        """Return why a handshake with a master that has this mechanism fails again and again, if that is a reason."""
        own = b"NULL" if self._key is None else b"CURVE"
        if mechanism not in (b"NULL", b"CURVE"):
            return None
        if mechanism != own:
            return self._mismatch()
        return None if self._key is None else WRONG_KEY

    def _mismatch(self) -> str:
        return KEY_WANTED if self._key is None else NO_KEY_THERE


def _mechanism_at(address: str) -> bytes | None:
    """Return the mechanism that the ZeroMQ socket at `address` greets with; None when there is none, or not soon."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    greeting = b""
    with gevent.Timeout(GREETING_PATIENCE_S, False):  # type: ignore[arg-type]  # False: end the block in silence
        try:
            with green_socket.create_connection((host.strip("[]"), int(port))) as connection:  # switch
                connection.sendall(OUR_GREETING)  # switch
                while len(greeting) < GREETING_BYTES:
                    piece = connection.recv(GREETING_BYTES)  # switch
                    if not piece:
                        return None
                    greeting += piece
        except (OSError, ValueError):
            return None
    is_zmtp = len(greeting) >= GREETING_BYTES and greeting[0] == 0xFF and greeting[9] == 0x7F
    return greeting[MECHANISM].rstrip(b"\0") if is_zmtp else None
