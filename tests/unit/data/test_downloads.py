from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile
from dataclasses import replace

import pytest

from mole_engine.cli import main
from mole_engine.contracts.config import DataConfig, TrainConfig
from mole_engine.contracts.errors import Cancelled, InputError, KnownError
from mole_engine.data import benchmarks, downloads
from mole_engine.data.assemble import load_training_data
from mole_engine.data.downloads import fetch

CONTENT = bytes(range(256)) * 1024


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, with ranges; breaks off after `limit` bytes while `breaks` lasts."""

    daemon_threads = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/set.csv": CONTENT}
        self.etag = '"one"'
        self.breaks = 0
        self.limit = 100_000
        self.status = 200
        self.requests = []

    def url(self, name="/set.csv"):
        return f"http://127.0.0.1:{self.server_port}{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass

    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.requests.append(wanted)
        if server.status != 200 or self.path not in server.files:
            self.send_error(server.status if server.status != 200 else 404)
            return
        content, start = server.files[self.path], 0
        if wanted and self.headers.get("If-Range") == server.etag:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if server.breaks:
            server.breaks -= 1
            body = body[: server.limit]
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_file_is_fetched_once(server, tmp_path):
    seen = []
    path = fetch(server.url(), tmp_path / "a" / "set.csv", on_progress=lambda *where: seen.append(where))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("download", len(CONTENT), len(CONTENT))
    fetch(server.url(), path)
    assert len(server.requests) == 1
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["set.csv", "set.csv.sha256"]


def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path):
    server.breaks = 2
    assert fetch(server.url(), tmp_path / "set.csv").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-", "bytes=200000-"]


def test_a_cancelled_download_goes_on_next_time(server, tmp_path):
    def stop(_stage, done, _total):
        if done > 100_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(server.url(), tmp_path / "set.csv", on_progress=stop)
    assert not (tmp_path / "set.csv").exists()
    assert fetch(server.url(), tmp_path / "set.csv").read_bytes() == CONTENT
    assert server.requests[1].startswith("bytes=")


def test_a_file_that_changed_in_between_is_fetched_anew(server, tmp_path):
    (tmp_path / "set.csv.part").write_bytes(b"old beginning")
    (tmp_path / "set.csv.part.json").write_text('{"validator": "\\"zero\\""}')
    assert fetch(server.url(), tmp_path / "set.csv").read_bytes() == CONTENT


def test_a_part_of_unknown_origin_is_not_trusted(server, tmp_path):
    (tmp_path / "set.csv.part").write_bytes(b"who knows")
    assert fetch(server.url(), tmp_path / "set.csv").read_bytes() == CONTENT
    assert server.requests == [None]


def test_a_wrong_checksum_is_refused(server, tmp_path):
    with pytest.raises(KnownError, match="differs from the published one"):
        fetch(server.url(), tmp_path / "set.csv", sha256="0" * 64)
    assert not (tmp_path / "set.csv").exists()
    good = hashlib.sha256(CONTENT).hexdigest()
    assert fetch(server.url(), tmp_path / "set.csv", sha256=good).is_file()


def test_the_first_download_is_the_measure_of_later_ones(server, tmp_path):
    path = fetch(server.url(), tmp_path / "set.csv")
    path.write_bytes(b"damaged on the disk")
    assert fetch(server.url(), path).read_bytes() == CONTENT
    path.unlink()
    server.files["/set.csv"] = b"something else"
    with pytest.raises(KnownError, match="differs from the one of the first download"):
        fetch(server.url(), path)


def test_no_connection_is_a_clear_message(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as unused:
        url = unused.url()
    with pytest.raises(KnownError) as caught:
        fetch(url, tmp_path / "set.csv")
    problem = caught.value.problem
    assert problem.title == "set.csv cannot be downloaded."
    assert "127.0.0.1" in problem.cause
    assert f"save {url} as {tmp_path / 'set.csv'} yourself" in problem.remedy


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, downloads.ATTEMPTS)])
def test_answers_of_the_server_are_told(server, tmp_path, status, requests):
    server.status = status
    with pytest.raises(KnownError, match="cannot be downloaded"):
        fetch(server.url(), tmp_path / "set.csv")
    assert len(server.requests) == requests


def test_only_web_addresses_are_fetched(tmp_path):
    with pytest.raises(KnownError, match="Only http and https"):
        fetch((tmp_path / "x").as_uri(), tmp_path / "set.csv")


def group_archive():
    rows = "".join(f"m{i},{'C' * (i + 1)}O,{i % 2}\n" for i in range(20))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("admet_group/hia_hou/train_val.csv", "Drug_ID,Drug,Y\n" + rows)
        archive.writestr("admet_group/hia_hou/test.csv", "Drug_ID,Drug,Y\na,CCN,1\nb,CCCN,0\n")
        archive.writestr("../../outside.csv", "evil")
    return stream.getvalue()


@pytest.fixture
def table(server, monkeypatch, tmp_path):
    """The shipped table, with every address led to the local server."""
    server.files["/admet_group.zip"] = group_archive()
    rows = "".join(f"{'C' * (i + 1)}O,{i % 2},5.{i}\n" for i in range(20))
    server.files["/bace.csv"] = f"mol,Class,pIC50\n{rows}".encode()
    monkeypatch.setattr(benchmarks, "user_cache_path", lambda *_words, **_options: tmp_path / "cache")
    real = benchmarks.list_benchmarks()
    local = tuple(replace(entry, url=server.url(f"/{entry.file}")) for entry in real)
    monkeypatch.setattr(benchmarks, "list_benchmarks", lambda: local)
    return tmp_path / "cache" / "benchmarks"


def test_a_set_by_name_is_ready_to_train(table, server):
    config = TrainConfig.from_dict({"data": {"path": "benchmark:HIA-Hou"}})
    dataset, split = load_training_data(config)
    assert len(dataset) == 22
    assert [dataset.smiles[i] for i in split.test] == ["CCN", "CCCN"]
    load_training_data(TrainConfig.from_dict(config.to_dict()))
    assert len(server.requests) == 1
    assert not (table.parent / "outside.csv").exists()


def test_what_the_user_fixes_wins_over_the_table(table):
    data = benchmarks.with_benchmark(DataConfig(path="benchmark:bace", targets=["pIC50"], task="regression"))
    assert (data.targets, data.task, data.smiles_column) == (["pIC50"], "regression", "mol")
    assert data.path == str(table / "moleculenet" / "bace.csv")


def test_training_by_name_asks_the_server(table, server, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(downloads, "ATTEMPTS", 1)
    server.files.clear()
    words = ["train", "benchmark:hia_hou", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert server.requests
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith("admet_group.zip")
    assert "admet_group.zip cannot be downloaded. The server answers 404" in error


def test_a_damaged_archive_is_told(table, server):
    server.files["/admet_group.zip"] = b"PK no zip"
    with pytest.raises(KnownError, match="is damaged or lacks"):
        benchmarks.fetch_benchmark("ames")


def test_unknown_sets_are_answered_with_close_ones():
    with pytest.raises(InputError, match="for example hia_hou"):
        benchmarks.find_benchmark("hia_hoo")


def test_the_table_is_sound():
    sets = benchmarks.list_benchmarks()
    assert len({entry.name for entry in sets}) == len(sets) == 32
    assert sum(entry.folder == "tdc-admet" for entry in sets) == 22
    for entry in sets:
        assert entry.url.startswith("https://")
        assert "{" not in entry.url
        assert entry.task in {"regression", "classification"}
        assert entry.unit or entry.task == "classification"
