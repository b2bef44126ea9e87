"""Runs over HTTP: what is answered at once, what later, what is refused and where the mistake stands."""

from datetime import timedelta

import msgspec
import pytest

from engine.errors import StoreError
from engine.model.demand import Result
from engine.stores.memory import Memory
from tests.engine.api.house import NOON, ORIGIN, RUNS

PAST = {"window": {"start": "2026-11-24T10:00:00Z", "end": "2026-11-24T12:00:00Z"}}


def test_short_work_is_answered_at_once_with_all_a_playbook_needs(built):
    house = built()
    status, headers, said = house.ask("POST", RUNS, PAST)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    result = msgspec.convert(said, Result)
    assert (result.status, result.verdict, result.highest_severity) == ("succeeded", "suspicious", "low")
    assert (result.counts.findings, result.counts.low, result.counts.events) == (2, 2, 4)
    assert result.score == max(finding.score for finding in result.findings) > 0
    assert result.tags == ("vizsla", "vizsla:suspicious")
    assert "ws1.contoso.com" in result.comment_html
    assert "ws1\\.contoso\\.com" in result.comment_markdown
    assert house.started == [result.id]


def test_every_link_of_an_answer_can_be_followed(built):
    house = built()
    _, said = house.run(PAST)
    assert house.ask("GET", said["links"]["self"])[2]["findings"] == said["findings"]
    status, headers, page = house.ask("GET", said["links"]["report"])
    assert (status, "ws10.contoso.com" in page) == (200, True)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_longer_work_is_followed_to_its_end(built):
    house = built(later=True)
    status, headers, said = house.ask("POST", RUNS, {**PAST, "wait": "PT10S"})
    assert (status, headers["Retry-After"], house.now - NOON) == (202, "5", timedelta(seconds=10))
    place = headers["Location"]
    assert said == {"id": house.started[0], "status": "queued", "links": {"self": place}}
    status, headers, _ = house.ask("GET", place)
    assert (status, headers["Location"].partition("?")[0]) == (202, place.partition("?")[0])
    assert house.ask("GET", place.replace("?", "/report?"))[0] == 409
    house.perform()
    assert house.ask("GET", place)[::2][0] == 200
    assert house.ask("GET", place.replace("?", "/report?"))[0] == 200


def test_a_call_that_need_not_wait_does_not(built):
    house = built(later=True)
    assert house.run({"wait": "PT0S"})[0] == 202
    assert house.now == NOON


def test_an_answer_that_comes_while_a_call_waits_is_given_to_it(built):
    house = built(later=True)
    whole = house.sleep

    def meanwhile(seconds):
        whole(seconds)
        if house.now - NOON > timedelta(seconds=3):
            house.perform()

    object.__setattr__(house.front, "sleep", meanwhile)
    assert house.run(PAST)[0] == 200
    assert timedelta(seconds=3) < house.now - NOON < timedelta(seconds=6)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{", ""),
        (b"\xff\xfe", ""),
        (b"[]", ""),
        (b'"x"', ""),
        (b'{"parameters": {"a": ' + b"[" * 200_000, ""),
        (b'{"host": "ws1"}', "/host"),
        (b'{"a/b~c": 1}', "/a~1b~0c"),
        (b'{"parameters": []}', "/parameters"),
        (b'{"parameters": {"minimum": 1e400}}', "/parameters"),
        (b'{"parameters": {"minimum": 1}}', "/parameters/minimum"),
        (b'{"parameters": {"minimum": 21}}', "/parameters/minimum"),
        (b'{"parameters": {"minimum": 3.5}}', "/parameters/minimum"),
        (b'{"parameters": {"minimum": true}}', "/parameters/minimum"),
        (b'{"parameters": {"minimum": null}}', "/parameters/minimum"),
        (b'{"parameters": {"minimum": ' + b"9" * 5_000 + b"}}", "/parameters"),
        (b'{"parameters": {"window": "2h"}}', "/parameters/window"),
        (b'{"parameters": {"window": "' + b"9" * 5_000 + b'h"}}', "/parameters/window"),
        (b'{"parameters": {"repeats": "some"}}', "/parameters/repeats"),
        (b'{"parameters": {"devices": "[[[[[["}}', "/parameters/devices"),
        (b'{"parameters": {"devices": ["a b"]}}', "/parameters/devices"),
        (b'{"parameters": {"devices": [' + b"[" * 500 + b"]" * 500 + b"]}}", "/parameters/devices"),
        (b'{"parameters": {"mini/mum": 3}}', "/parameters/mini~1mum"),
        (b'{"parameters": {"since": "2026-11-24T10:00:00Z"}}', "/parameters/since"),
        (b'{"parameters": {"shares": 2}}', "/parameters/shares"),
        (b'{"window": "PT24H"}', "/window"),
        (b'{"window": {}}', "/window"),
        (b'{"window": {"last": "24h"}}', "/window/last"),
        (b'{"window": {"last": "P31D"}}', "/window"),
        (b'{"window": {"last": "-PT1H"}}', "/window"),
        (b'{"window": {"last": "PT0S"}}', "/window"),
        (b'{"window": {"last": "PT1H", "start": "2026-11-24T10:00:00Z"}}', "/window"),
        (b'{"window": {"start": "2026-11-24T10:00:00Z"}}', "/window"),
        (b'{"window": {"start": "2026-11-24T10:00:00", "end": "2026-11-24T11:00:00Z"}}', "/window/start"),
        (b'{"window": {"start": "2026-11-24T10:00:00Z", "end": "2026-11-24T10:00:00Z"}}', "/window"),
        (b'{"window": {"start": "2026-10-24T10:00:00Z", "end": "2026-11-24T10:00:00Z"}}', "/window"),
        (b'{"window": {"start": "0001-01-01T00:00:00+23:00", "end": "0001-01-02T00:00:00Z"}}', "/window"),
        (b'{"window": {"start": "9999-12-31T00:00:00Z", "end": "9999-12-31T23:59:59-23:00"}}', "/window"),
        (b'{"window": {"last": "PT1H", "until": "now"}}', "/window/until"),
        (b'{"devices": ["ws1"]}', "/devices/0"),
        (b'{"devices": [{"name": "a"}, {}]}', "/devices/1"),
        (b'{"devices": [{"name": "a", "id": "b"}]}', "/devices/0"),
        (b'{"devices": [{"dnsDomain": "contoso.com"}]}', "/devices/0"),
        (b'{"devices": [{"name": ""}]}', "/devices/0/name"),
        (b'{"devices": [{"hostname": "ws1"}]}', "/devices/0/hostname"),
        (b'{"devices": [{"name": "a\\u0000"}]}', "/devices/0"),
        (b'{"devices": [{"name": "a\\ud800"}]}', ""),
        (b'{"devices": [' + b",".join([b'{"name": "a"}'] * 1_001) + b"]}", "/devices"),
        (b'{"devices": [{"name": "a"}], "parameters": {"devices": ["b"]}}', "/parameters/devices"),
        (b'{"tenant": "other"}', "/tenant"),
        (b'{"deliver": ["memory", "pager"]}', "/deliver/1"),
        (b'{"deliver": "memory"}', "/deliver"),
        (b'{"wait": 60}', "/wait"),
        (b'{"wait": "PT101S"}', "/wait"),
        (b'{"wait": "-PT1S"}', "/wait"),
        (b'{"wait": "P1Y"}', "/wait"),
    ],
)
def test_a_mistake_is_a_400_that_points_at_its_field(built, body, pointer):
    house = built()
    status, _, said = house.ask("POST", RUNS, body=body)
    assert (status, said["status"], said["title"]) == (400, 400, "Bad Request")
    assert [mistake["pointer"] for mistake in said["errors"]] == [pointer]
    assert said["detail"]
    assert house.started == []


@pytest.mark.parametrize(
    "document",
    [
        {"parameters": {"s3cret-k3y": 1}},
        {"parameters": {"repeats": "s3cret-k3y"}},
        {"parameters": {"minimum": "s3cret-k3y"}},
        {"parameters": {"devices": ["s3cret k3y"]}},
        {"tenant": "s3cret-k3y"},
        {"deliver": ["s3cret-k3y"]},
        {"window": {"last": "s3cret-k3y"}},
        {"wait": "s3cret-k3y"},
        {"devices": [{"name": "s3cret-k3y\0"}]},
    ],
)
def test_no_value_of_a_refused_request_is_repeated(built, document):
    headers = {"x_functions_key": "s3cret-k3y", "authorization": "Bearer s3cret-k3y"}
    status, _, said = built().ask("POST", f"{RUNS}?code=s3cret-k3y", document, **headers)
    assert status == 400
    assert "s3cret" not in said["detail"]


def test_a_key_in_the_address_stands_in_no_link(built):
    house = built()
    for url, document in ((f"{RUNS}?code=s3cret", PAST), ("/api/findings?code=s3cret&limit=1", None)):
        method = "GET" if document is None else "POST"
        status, headers, said = house.ask(method, url, document)
        assert (status, "s3cret" in f"{headers} {said}") == (200, False)


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 257, "a\n"])
def test_an_idempotency_key_is_plain(built, key):
    status, said = built().run({}, Idempotency_Key=key)
    assert (status, said["errors"][0]["parameter"]) == (400, "Idempotency-Key")


def test_a_body_holds_256_kb_at_most(built):
    house = built()
    most = b'{"tenant": ""' + b" " * ((256 << 10) - 14) + b"}"
    assert house.ask("POST", RUNS, body=most)[0] == 200
    assert house.ask("POST", RUNS, body=most + b" ")[0] == 413


@pytest.mark.parametrize("name", ["two-question", "_lists", "..", "two-questions%2f..", "two-questions.yaml"])
def test_an_unknown_hunt_is_not_found(built, name):
    assert built().ask("POST", f"/api/hunts/{name}/runs", {})[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", RUNS, 405, "POST"),
        ("PUT", "/api/mutes", 405, "GET, HEAD, POST"),
        ("POST", "/api/hunts", 405, "GET, HEAD"),
        ("GET", "/api", 404, None),
        ("GET", "/api/hunts/", 200, None),
        ("GET", "/api/hunts/two-questions", 404, None),
        ("GET", "/admin/keys", 404, None),
        ("GET", "/api/runs", 404, None),
    ],
)
def test_addresses_are_told_apart(built, method, path, status, allowed):
    given, headers, _ = built().ask(method, path)
    assert (given, headers.get("Allow")) == (status, allowed)


def test_everything_may_be_left_out(built):
    house = built(later=True)
    assert house.ask("POST", RUNS, body=b"")[0] == 202
    window = house.perform().result.window
    assert (window.start, window.end) == (NOON - timedelta(hours=24), NOON)


class Closed(Memory):
    def record_demand(self, _):
        raise StoreError("the account is locked")


def test_a_store_that_cannot_be_written_is_a_503_in_words(built):
    status, said = built(store=Closed()).run()
    assert (status, said["detail"]) == (503, "the account is locked")


def test_a_broken_hunt_is_a_503_that_names_the_fault(built, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "hunt.yaml").write_text("title: [\n")
    status, _, said = built(hunts=tmp_path).ask("POST", "/api/hunts/broken/runs", {})
    assert (status, "broken/hunt.yaml" in said["detail"]) == (503, True)
    assert built(hunts=tmp_path).ask("GET", "/api/hunts")[2] == {"hunts": [], "disabled": ["broken"]}


def test_too_many_runs_at_once_are_asked_to_wait(built):
    house = built(later=True)
    given = [house.ask("POST", RUNS, {"wait": "PT0S"})[:2] for _ in range(9)]
    assert [status for status, _ in given] == [202] * 8 + [429]
    assert given[-1][1]["Retry-After"] == "60"
    house.perform()
    assert house.run({"wait": "PT0S"})[0] == 202


def test_the_same_key_with_another_request_conflicts(built):
    house = built()
    assert house.run(PAST, Idempotency_Key="k")[0] == 200
    assert house.run({}, Idempotency_Key="k")[0] == 409


def test_what_could_not_be_put_on_the_queue_is_started_by_the_next_try(built):
    house = built(later=True)
    whole = house.start

    def locked(_):
        raise StoreError("the queue is locked")

    object.__setattr__(house.front, "start", locked)
    assert house.run({"wait": "PT0S"}, Idempotency_Key="k")[0] == 503
    object.__setattr__(house.front, "start", whole)
    assert house.run({"wait": "PT0S"}, Idempotency_Key="k")[0] == 202
    assert len(house.started) == 1


def test_a_run_is_kept_for_a_day(built):
    house = built()
    _, said = house.run(PAST)
    house.now += timedelta(hours=11)
    fresh = house.ask("GET", said["links"]["self"])[2]["links"]["self"]
    house.now += timedelta(hours=11)
    fresh = house.ask("GET", fresh)[2]["links"]["self"]
    house.now += timedelta(hours=3)
    assert house.ask("GET", fresh)[0] == 404


def test_links_lead_to_where_the_call_came_in(built):
    _, _, said = built().ask("POST", "http://app.example:8080" + RUNS, PAST, x_forwarded_proto="https")
    assert said["links"]["self"].startswith("https://app.example:8080/api/runs/")
    assert built().run(PAST)[1]["links"]["self"].startswith(f"{ORIGIN}/api/runs/")
