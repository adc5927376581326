"""JUnit XML, which continuous integration shows as test cases: one for each threshold, and one for the verdict.

Drawn from the summary document. Of the dialects there are, only what all of them know is used.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from greenload.core.thresholds import PASSED
from greenload.report.summary import Document
from greenload.report.thresholds import explained

SUITE = "greenload"
# What no XML 1.0 document may hold, not even escaped; a name in a threshold may.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(document: Document, broken: str | None, is_strict: bool) -> bytes:
    """Return the file's text in UTF-8.

    broken     what broke the run, if anything did
    is_strict  whether a verdict of SUSPECT is a failure; else its test case is skipped: it says neither yes nor no
    """
    run, thresholds = document["run"], document["thresholds"]
    suite = ET.Element("testsuite", name=_clean(f"{SUITE} {run['scenario']}"))
    for threshold in thresholds:
        _add_threshold(suite, threshold)
    _add_verdict(suite, document["verdict"], broken, is_strict)
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(1 for _ in suite.iter(tag))))
    suite.set("time", f"{run['duration_s']:.3f}")
    # The schemas that are about allow no zone here.
    suite.set("timestamp", run["started"].partition("+")[0])
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    written: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _add_threshold(suite: ET.Element, threshold: Document) -> None:
    case = _case(suite, "thresholds", f"{threshold['action']} if {threshold['text']}")
    if threshold["status"] != PASSED:
        _add(case, "failure", threshold["status"], explained(threshold))
    ET.SubElement(case, "system-out").text = _clean(explained(threshold))


def _add_verdict(suite: ET.Element, verdict: Document, broken: str | None, is_strict: bool) -> None:
    case = _case(suite, "verdict", "the numbers can be believed")
    reasons = "\n".join(verdict["reasons"])
    is_suspect = verdict["status"] != "valid"
    if broken is not None:
        _add(case, "error", "broken", broken)
    elif is_suspect and is_strict:
        _add(case, "failure", verdict["status"], reasons)
    elif is_suspect:
        ET.SubElement(case, "skipped", message=_clean(f"SUSPECT: {reasons}"))
    ET.SubElement(case, "system-out").text = _clean(f"{verdict['status'].upper()}\n{reasons}".strip())


def _case(suite: ET.Element, group: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"{SUITE}.{group}", name=_clean(name), time="0")


def _add(case: ET.Element, tag: str, kind: str, message: str) -> None:
    ET.SubElement(case, tag, type=kind, message=_clean(message)).text = _clean(message)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
