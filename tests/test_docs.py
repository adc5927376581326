"""The documentation is true: every command, option, key and name has its place, links lead somewhere, examples run.

What a page may say, and what is done with it here:

- A block marked `console`: lines that begin with `$ ` are commands; the others are what they print, and not compared.
  The commands of a section run one after the other in a folder of the section's own, with the examples/ and service/ of
  the repository; those of a block after `<!-- goes on -->` in the folder of the section before. There is no shell: no
  pipes, no variables. They must end with exit code 0, or with the one that an HTML comment in the line before the block
  says: `<!-- exit code: 2 -->`.
- Those of a block after `<!-- at the same time -->` stand for one terminal each: they are started one after the other,
  run side by side, and must all end so. The master and its workers meet at a free port.
- Those of a block after `<!-- in a shell -->` are typed into one shell, and each must end with exit code 0.
- `greenload` and `python`, also below .venv/bin/, are run with the Python that runs the tests. Commands in NOT_RUN are
  not run, for the reason given there.
- `python -m service` is started on a free port, asked for the albums, and ended by the next one or with the section;
  its exit code must be 0. It stands for http://127.0.0.1:8080; where a section needs that and starts none, one without
  options does.
- Run times are shortened: `-t 30s` to `-t 500ms`, or to 2 s with a threshold, or to 3 s with a warm-up, which becomes
  one of 1 s; each stage to 300 ms; each step of a search to 2 s; a window of a run to its first second. All users begin
  at once. `ID` is the newest run of the folder. A page is at a free port, and nobody is needed at it: its run begins by
  itself, and its end is the end of the command.
- A block marked `python` must compile. With a title (```python title="shop.py") it is a file in the page's folder. One
  that defines a user is a scenario: it is run for 1 s and must make requests, without a failure and without an
  exception, unless a comment before it says `<!-- fails on purpose -->`.
- A block marked `sh` is not run: all that is in it is in NOT_RUN. The commands, options and lessons that are not run
  must be there, and so must the lessons that prose names.
- `<!-- from: greenload/engine.py -->` before a block: it must stand like that in the file.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import runpy
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

import greenload
from greenload.cli import COMMANDS, main
from greenload.http import failures
from greenload.lab.catalogue import chosen
from greenload.web.openapi import openapi
from greenload.web.schemas import SCHEMAS
from tests.conftest import JOB, serve_albums
from tests.documented import DOCS, PAGES, REFERENCE, ROOT, Block, blocks_of, in_backticks, prose_of, sections_of
from tests.reader import Reader, run, typed_in

# What is not run, and why. Blocks marked `sh` have nothing else in them.
NOT_RUN = {
    r"make ": "makes a virtual environment and runs all tests, this one included",
    r"\. \.venv/bin/activate": "changes the reader's shell",
    r"python -m service .*postgresql://": "needs a PostgreSQL that lets somebody in; tests/service starts one",
    r"greenload find .* --to 5000/s": "takes minutes: as many steps as it needs, of as many seconds as make sense",
    r"greenload lab memory ": "takes eight seconds; tests/lab has the lesson",
    r"greenload lab question 3 ": "takes half a minute; tests/lab has the lesson",
    r"greenload (master|worker) .*\.example\b": "on machines with names; tests/system/test_three_hosts.py makes some",
    r"ssh ": "from another machine",
    r"datasette ": "somebody else's, which greenload does not need",
}

EVERYTHING_HAPPENS = """
from greenload import HttpUser, constant, task


class Unlucky(HttpUser):
    wait_time = constant(0.1)

    @task
    def get_album(self):
        self.client.get("/albums/1")

    @task
    def get_nothing(self):
        self.client.get("/nothing")

    @task
    def stumble(self):
        raise RuntimeError("stumbled")
"""


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
SQL = [block for block in BLOCKS if block.language == "sql"]
PYTHON = [block for block in BLOCKS if block.language == "python"]
SCENARIOS = [block for block in PYTHON if re.search(r"^class \w+\(\w*User\):", block.text, re.MULTILINE)]
QUOTATIONS = [block for block in BLOCKS if block.comment.startswith("from: ")]
CONSOLE = [block for block in BLOCKS if block.language == "console"]
NEVER_RUN = [block for block in BLOCKS if block.language == "sh"]


@pytest.fixture(scope="module")
def service_url() -> Iterator[str]:
    """An album service for all examples."""
    with serve_albums() as service:
        yield service.url


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, service_url: str) -> Path:
    """A folder with the JSON and the CSV files of a run in which requests succeed and fail, and tasks raise."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "loadfile.py").write_text(EVERYTHING_HAPPENS)
    asked = "-u 8 -r 100 -t 1s --seed 1 --phases --json run.json --csv run --quiet --fail-if rps<0.1 --tag branch=main"
    made = run(f"-m greenload run -H {service_url} {asked}".split(), folder)
    assert made.returncode == 0, made.stderr
    return folder


def commands() -> dict[str, tuple[click.Command, click.Context]]:
    """The program and each of its commands, by what one types."""
    context = click.Context(main, info_name="greenload", **main.context_settings)
    found: dict[str, tuple[click.Command, click.Context]] = {"greenload": (main, context)}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        own = click.Context(command, parent=context, info_name=name)
        found[f"greenload {name}"] = (command, own)
        if isinstance(command, click.Group):
            for part, each in command.commands.items():
                found[f"greenload {name} {part}"] = (each, click.Context(each, parent=own, info_name=part))
    return found


@pytest.mark.parametrize("typed", commands())
def test_each_command_and_option_has_help_and_a_place_on_the_command_line_page(typed: str):
    command, context = commands()[typed]
    section = sections_of(REFERENCE / "cli.md").get(f"`{typed}`")

    assert command.help
    assert section is not None, f"no section on {typed}"
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{typed} {parameter.opts}"
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"`{re.escape(option)}[ `]", section), f"{typed} {option}"
        else:
            assert f"`{parameter.human_readable_name}`" in section


def test_the_command_line_page_has_no_option_that_is_not_there():
    for typed, (command, context) in commands().items():
        parameters = [each for each in command.get_params(context) if isinstance(each, click.Option)]
        options = {option for each in parameters for option in (*each.opts, *each.secondary_opts)}
        rows = re.findall(r"^\| (`-[^|]+)", sections_of(REFERENCE / "cli.md")[f"`{typed}`"], re.MULTILINE)

        assert {option for row in rows for option in re.findall(r"`(--?[A-Za-z-]+)", row)} == options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(name: str):
    command, _ = commands()[f"greenload {name}"]

    assert command.help is not None
    assert COMMANDS[name] == command.help.splitlines()[0]


def test_the_list_of_commands_is_the_commands():
    assert {f"greenload {name}" for name in COMMANDS} == {typed for typed in commands() if typed.count(" ") == 1}


def keys_in(value: Any) -> set[str]:
    """The keys of all objects in `value`, at any depth."""
    if isinstance(value, list):
        return {key for each in value for key in keys_in(each)}
    if isinstance(value, dict):
        return value.keys() | {key for each in value.values() for key in keys_in(each)}
    return set()


def test_each_key_of_a_summary_is_on_its_page_in_the_section_it_belongs_to(everything: Path):
    document = json.loads((everything / "run.json").read_text())
    sections = sections_of(REFERENCE / "summary.md")
    section_of = {key: text for heading, text in sections.items() for key in in_backticks(heading)}

    assert document["failures"]
    assert document["exceptions"]
    assert section_of.keys() == document.keys()
    for key, value in document.items():
        documented = in_backticks(section_of[key])
        if "service_ms" in documented:
            documented |= in_backticks(sections["Durations"])
        assert keys_in(value) - documented == set(), key


def test_each_key_of_a_search_is_on_its_page_in_the_section_it_belongs_to(tmp_path: Path):
    (tmp_path / "job.py").write_text(JOB)
    command = "-m greenload find job.py --from 20/s --to 30/s --step-time 2s --fail-if mean>1s --json find.json"

    made = run(command.split(), tmp_path)

    document = json.loads((tmp_path / "find.json").read_text())
    sections = sections_of(REFERENCE / "find.md")

    assert made.returncode == 0, made.stderr
    assert {key for heading in sections for key in in_backticks(heading)} == document.keys()
    assert document["search"].keys() <= in_backticks(sections["`search`"])
    assert document["steps"][0].keys() <= in_backticks(sections["`steps`"])
    assert document["outcome"] in in_backticks(sections["`outcome`"])
    assert document["schema"] in in_backticks(sections["`schema`"])


def test_the_schema_on_the_page_is_the_schema_of_a_summary(everything: Path):
    document = json.loads((everything / "run.json").read_text())

    assert document["schema"] in in_backticks(sections_of(REFERENCE / "summary.md")["`schema`"])


def test_each_csv_file_and_column_is_on_its_page(everything: Path):
    sections = sections_of(REFERENCE / "csv.md")
    written = sorted(everything.glob("*.csv"))

    assert {f"`{path.name.replace('run_', 'PREFIX_')}`" for path in written} == {
        heading for heading in sections if heading.startswith("`")
    }
    for path in written:
        with path.open(newline="") as file:
            columns = set(next(csv.reader(file)))
        documented = in_backticks(sections[f"`{path.name.replace('run_', 'PREFIX_')}`"])
        if "50%" in documented:  # the percentiles are listed once
            documented |= in_backticks(sections["`PREFIX_stats.csv`"])
        assert columns - documented == set(), path.name


@pytest.fixture(scope="module")
def kept_run(everything: Path) -> Iterator[sqlite3.Connection]:
    """The database of that run."""
    with closing(sqlite3.connect(everything / "greenload.db")) as database:
        yield database


def test_each_table_and_column_of_the_database_is_on_its_page(kept_run: sqlite3.Connection):
    sections = sections_of(REFERENCE / "database.md")
    tables = [name for (name,) in kept_run.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    assert {f"`{table}`" for table in tables} == {heading for heading in sections if heading.startswith("`")}
    for table in tables:
        columns = {name for _, name, *_ in kept_run.execute(f"PRAGMA table_info({table})")}
        rows = re.findall(r"^\| (`.+?) \|", sections[f"`{table}`"], re.MULTILINE)
        assert {column for row in rows for column in in_backticks(row)} == columns, table


def test_the_version_on_the_page_is_the_version_of_a_database(kept_run: sqlite3.Connection):
    [(version,)] = kept_run.execute("PRAGMA user_version")

    assert f"this page is about version {version}." in (REFERENCE / "database.md").read_text()


@pytest.mark.parametrize("block", SQL, ids=lambda block: block.id)
def test_each_documented_query_finds_something(kept_run: sqlite3.Connection, block: Block):
    assert kept_run.execute(block.text).fetchall() != []


def test_the_documented_way_to_read_a_histogram_works(everything: Path):
    [block] = [block for block in PYTHON if block.page == REFERENCE / "database.md"]

    made = run(["-c", block.text], everything)

    assert re.fullmatch(r"\d+\.\d+ ms\n", made.stdout), made.stderr


def test_each_path_of_the_api_and_what_it_takes_and_gives_is_on_its_page():
    sections = sections_of(REFERENCE / "api.md")
    documented = {heading.strip("`"): in_backticks(text) for heading, text in sections.items() if heading[0] == "`"}
    paths = openapi()["paths"]

    assert documented.keys() == paths.keys()
    for path, item in paths.items():
        [operation] = item.values()
        names = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"} - {"last_event_id"}
        for content in (operation.get("requestBody", {}), operation["responses"].get("200", {})):
            schema = content.get("content", {}).get("application/json", {}).get("schema", {})
            names |= SCHEMAS.get(schema.get("$ref", "").rpartition("/")[2], schema).get("properties", {}).keys()
        # Those are on a page of their own.
        assert names - documented[path] - {"schema", "runs"} == set(), path


def test_each_public_name_is_on_the_scenario_page():
    named = {re.match(r"\w*", text)[0] for text in in_backticks(prose_of(REFERENCE / "scenario.md"))}

    assert set(greenload.__all__) - named == set()


MADE = runpy.run_path(str(DOCS / "make_reference"))["PAGES"]


@pytest.mark.parametrize("name", MADE)
def test_each_page_that_is_made_is_what_the_code_says(name: str):
    assert (REFERENCE / name).read_text() == MADE[name](), "make docs makes it anew"


def test_the_page_of_python_names_has_them_all():
    page = (REFERENCE / "python.md").read_text()

    assert set(re.findall(r"^## `(\w+)`$", page, re.MULTILINE)) == set(greenload.__all__) - {"__version__"}


def test_the_page_of_commands_has_what_they_print(tmp_path: Path):
    printed = run(["-m", "greenload", "runs", "rm", "--help"], tmp_path).stdout.replace(
        "python -m greenload", "greenload"
    )

    assert f"## `greenload runs rm`\n\n```text\n{printed}```\n" in (REFERENCE / "commands.md").read_text()


def test_the_page_of_commands_has_them_all():
    listed = re.findall(r"^## `(greenload.*)`$", (REFERENCE / "commands.md").read_text(), re.MULTILINE)

    assert sorted(listed) == sorted(commands())


def test_the_kinds_of_failure_on_their_page_are_the_kinds_there_are():
    words = [value for name, value in vars(failures).items() if name.isupper() and isinstance(value, str)]
    kinds = {*words, *(name for _, name in failures._NAMES)}

    section = sections_of(REFERENCE / "failures.md")["No answer, or no usable one"]
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == kinds


def test_each_module_is_on_the_architecture_page():
    modules = {path.relative_to(ROOT / "greenload").as_posix() for path in (ROOT / "greenload").rglob("*.py")}

    assert modules - in_backticks(prose_of(DOCS / "explanation" / "architecture.md")) == set()


def test_each_step_of_the_path_of_one_number_is_a_function_in_the_file_that_is_named():
    section = sections_of(DOCS / "explanation" / "architecture.md")["The path of one number"]
    steps = re.findall(r"^\| \d+ \| (.+?) \| (.+?) \|", section, re.MULTILINE)

    assert len(steps) > 10
    for files, names in steps:
        code = "".join((ROOT / "greenload" / name).read_text() for name in in_backticks(files))
        for name in in_backticks(names):
            for part in name.split("."):
                assert re.search(rf"^ *(def|class) {part}\b", code, re.MULTILINE), f"{name} in {files}"


def test_each_page_of_docs_is_in_the_navigation_and_nothing_else():
    listed = set(re.findall(r"\S+\.md$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))

    assert listed == {page.relative_to(DOCS).as_posix() for page in PAGES if DOCS in page.parents}


def anchors_of(page: Path) -> set[str]:
    """The anchors that mkdocs, and GitHub, give to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_to_a_file_or_a_heading_leads_there(page: Path):
    for link in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose_of(page)):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors_of(target), link
        # mkdocs publishes only docs/; from there nothing may lead out.
        assert DOCS not in page.parents or DOCS in target.parents, link


@pytest.mark.parametrize("block", QUOTATIONS, ids=lambda block: block.id)
def test_quoted_code_stands_like_that_in_the_file(block: Block):
    assert block.text in (ROOT / block.comment.removeprefix("from: ")).read_text()


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.id)
def test_each_python_block_compiles(block: Block):
    compile(block.text, block.id, "exec")


@pytest.mark.parametrize("block", SCENARIOS, ids=lambda block: block.id)
def test_each_scenario_in_the_documentation_runs(block: Block, tmp_path: Path, service_url: str):
    (tmp_path / "scenario.py").write_text(block.text)

    made = run(
        f"-m greenload run scenario.py -H {service_url} -u 4 -r 100 -t 1s --json run.json --quiet".split(),
        tmp_path,
    )

    assert made.returncode == 0, made.stderr
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["total"]["requests"] > 0
    assert bool(document["failures"] or document["exceptions"]) == (block.comment == "fails on purpose"), made.stdout


def test_commands_that_are_not_run_have_names_options_and_lessons_that_there_are():
    in_blocks = [command for block in [*CONSOLE, *NEVER_RUN] for command in typed_in(block) if not is_run(command)]
    in_prose = [text for page in PAGES for text in in_backticks(prose_of(page)) if text.startswith("greenload lab ")]
    known = commands()

    for line in [*in_blocks, *in_prose]:
        program, *words = shlex.split(line)
        if program != "greenload" or "..." in words:
            continue
        command, context = known[f"greenload {words[0]}"]
        options = {name for each in command.get_params(context) for name in (*each.opts, *each.secondary_opts)}
        assert {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)} <= options, line
        if words[0] == "lab":
            chosen(" ".join(itertools.takewhile(lambda word: not word.startswith("-"), words[1:])))


def is_run(command: str) -> bool:
    return not any(re.match(pattern, command) for pattern in NOT_RUN)


def sessions() -> Iterator[list[Block]]:
    """The console blocks that one reader types: those of a section, and with `goes on` those of the section before."""
    session: list[Block] = []
    for block in CONSOLE:
        is_next = session and block.page == session[-1].page
        if is_next and (block.section == session[-1].section or block.comment == "goes on"):
            session.append(block)
        else:
            if session:
                yield session
            session = [block]
    yield session


@pytest.mark.parametrize(
    "session",
    [session for session in sessions() if any(map(is_run, itertools.chain(*map(typed_in, session))))],
    ids=lambda session: session[0].id,
)
def test_the_console_commands_of_each_section_do_what_the_page_says(session: list[Block], tmp_path: Path):
    with Reader(tmp_path) as reader:
        for block in session:
            reader.follow(block, [command for command in typed_in(block) if is_run(command)])
        reader.end_service()


@pytest.mark.parametrize("block", NEVER_RUN, ids=lambda block: block.id)
def test_commands_that_are_not_run_have_a_reason(block: Block):
    assert [command for command in typed_in(block) if is_run(command)] == []


def test_each_reason_not_to_run_a_command_is_about_one():
    typed = [command for block in [*CONSOLE, *NEVER_RUN] for command in typed_in(block)]

    for pattern in NOT_RUN:
        assert any(re.match(pattern, command) for command in typed), pattern


def test_commands_stand_in_no_other_blocks():
    others = [block for block in BLOCKS if block.language not in ("console", "sh")]

    assert {block.language for block in others} <= {"", "csv", "ini", "json", "python", "sql", "text", "xml", "yaml"}
    assert [block.id for block in others if re.search(r"^\$ ", block.text, re.MULTILINE)] == []
