"""The API as in Azure: Microsoft's worker, the queue of demands and the store on Azurite, the tenant a fake Graph."""

import json
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from engine.sources.recorded import Recorded
from tests import process
from tests.fakes.azurite import Azurite
from tests.fakes.graph import Graph, Refusal
from tests.fakes.identity import Identity
from tests.test_end_to_end import BEFORE, intrusion

API = """
    import threading
    RUNS = '/api/hunts/discovery-by-parent/runs'
    PAST = {'window': {'last': 'PT3H'}}
    def ask(method, path, document=None, function='api', body=None, **headers):
        url = path if path.startswith('http') else 'https://vizsla.example' + path
        sent = body if body is not None else b'' if document is None else json.dumps(document).encode()
        named = {name.replace('_', '-'): value for name, value in headers.items()}
        status, headers, body = host.worker.http(function, method=method, url=url, headers=named, body=sent)
        headers = {name.lower(): value for name, value in headers.items()}
        return status, headers, json.loads(body) if 'json' in headers['content-type'] else body.decode()
    def follow(url):
        return ask('GET', url, function='run')
    def drain():
        host.drain('demand', 'vizsla-demands')
    host.queue('vizsla-demands')
"""


@pytest.fixture
def azurite():
    with Azurite() as running:
        yield running


def play(azurite, script, *faults, table):
    """Runs the script beside the app in a process of its own; gives what it prints."""
    moment = f"{datetime.now(UTC) - timedelta(hours=30):%Y-%m-%dT%H:%M:%SZ}"
    inventory = [{"Timestamp": moment, "DeviceId": name, "DeviceName": f"{name}.contoso.com"} for name in DEVICES]
    rows = [row for name in DEVICES for row in intrusion(name)]
    with (
        Recorded(tables={"DeviceProcessEvents": rows, "DeviceInfo": inventory}) as recorded,
        Graph(recorded) as graph,
        Identity() as identity,
    ):
        graph.faults.extend(faults)
        code = "".join(map(textwrap.dedent, (BEFORE, API, script)))
        shown, log = process.shown(
            code,
            timeout=240,
            VIZSLA_TABLES_URL=azurite.table,
            VIZSLA_TENANT=table,
            VIZSLA_GRAPH_URL=graph.url,
            AzureWebJobsStorage__queueServiceUri=azurite.queue,
            **identity.environment,
            **azurite.environment,
        )
        assert graph.violations == []
        assert [call for call in graph.calls if "ws1" in call.query and 'dynamic(["ws1' not in call.query] == []
    assert "domain admins" not in log
    return shown


DEVICES = ("ws1", "ws10")


def test_end_to_end_a_call_is_answered_followed_and_read(azurite):
    script = """
        asked = {**PAST, 'devices': [{'hostName': 'ws1', 'dnsDomain': 'contoso.com'}], 'wait': 'PT0S'}
        status, headers, pending = ask('POST', RUNS, {**asked, 'deliver': ['memory']}, Idempotency_Key='k')
        place = headers['location']
        early = [follow(place)[0], follow(place.replace('?', '/report?'))[0]]
        drain()
        late, _, answer = follow(place)
        page = follow(answer['links']['report'])
        again = ask('POST', RUNS, {**asked, 'deliver': ['memory']}, Idempotency_Key='k')
        waiting = len(host.waiting('vizsla-demands'))
        from engine.stores.interface import Listing
        desk = bootstrap.desk()
        show(statuses=[status, *early, late, page[0], again[0]], same=again[2]['id'] == answer['id'], waiting=waiting,
             answer={name: answer[name] for name in ('status', 'verdict', 'devices', 'tags')},
             found=[finding['device']['id'] for finding in answer['findings']],
             page='ws1.contoso.com' in page[2] and 'ws10' not in page[2],
             kind=page[1]['content-type'],
             watermark=str(desk.store.watermark('asks', 'discovery-by-parent')),
             kept=len(desk.store.findings(Listing('asks'))))
    """
    shown = play(azurite, script, table="asks")
    assert shown["statuses"] == [202, 202, 409, 200, 200, 200]
    assert (shown["same"], shown["waiting"]) == (True, 0)
    asked = {"hostName": "ws1", "dnsDomain": "contoso.com"}
    assert shown["answer"]["devices"] == [{"asked": asked, "ids": ["ws1"], "ambiguous": False}]
    assert shown["answer"]["status"] == "succeeded"
    assert shown["answer"]["tags"] == ["vizsla", f"vizsla:{shown['answer']['verdict']}"]
    assert (shown["found"], shown["page"]) == (["ws1"], True)
    assert shown["kind"] == "text/html; charset=utf-8"
    assert shown["told"] == [["discovery-by-parent", "ws1"]]
    assert (shown["watermark"], shown["kept"], shown["log"]) == ("None", 0, [])


def test_end_to_end_an_answer_that_comes_in_time_is_given_at_once(azurite):
    script = """
        threading.Timer(1, drain).start()
        status, _, answer = ask('POST', RUNS, {**PAST, 'wait': 'PT30S'})
        show(status=status, found=sorted(finding['device']['id'] for finding in answer['findings']))
    """
    shown = play(azurite, script, table="waits")
    assert (shown["status"], shown["found"], shown["log"]) == (200, ["ws1", "ws10"], [])


def test_end_to_end_what_is_refused_says_why(azurite):
    script = """
        calls = [
            ('POST', RUNS, {'parameters': {'minimum': 99}}, {}),
            ('POST', '/api/hunts/no-such/runs', {}, {}),
            ('POST', RUNS, {'wait': 'PT0S'}, {'Idempotency_Key': 'one'}),
            ('POST', RUNS, PAST, {'Idempotency_Key': 'one'}),
            ('GET', RUNS, None, {}),
        ]
        given = [ask(method, path, document, **headers) for method, path, document, headers in calls]
        given.append(ask('POST', RUNS, body=b' ' * (257 << 10)))
        given.append(follow('https://vizsla.example/api/runs/0123'))
        given += [ask('POST', RUNS, {'wait': 'PT0S'}) for _ in range(8)]
        kinds = {status: headers['content-type'] for status, headers, _ in given}
        show(statuses=[status for status, _, _ in given], kinds=kinds, first=given[0][2])
    """
    shown = play(azurite, script, table="refuses")
    assert shown["statuses"] == [400, 404, 202, 409, 405, 413, 403, *[202] * 7, 429]
    assert {status: kind for status, kind in shown["kinds"].items() if status != "202"} == dict.fromkeys(
        ("400", "403", "404", "405", "409", "413", "429"), "application/problem+json"
    )
    assert shown["first"]["errors"][0]["pointer"] == "/parameters/minimum"


def test_end_to_end_a_run_that_defender_refuses_or_throttles_is_an_answer(azurite):
    script = """
        places = []
        for _ in range(2):
            _, headers, _ = ask('POST', RUNS, {**PAST, 'wait': 'PT0S'})
            places.append(headers['location'])
            drain()
        show(answers=[follow(place)[2] for place in places])
    """
    faults = [Refusal(429, "TooManyRequests", "busy", {"Retry-After": "600"}), Refusal(403, "Forbidden", "no right")]
    shown = play(azurite, script, *faults, table="fails")
    assert [(each["status"], each["verdict"]) for each in shown["answers"]] == [("throttled", None), ("failed", None)]
    assert all("gave no answer" in each["error"] for each in shown["answers"])
    assert shown["log"] == []


def test_end_to_end_a_bug_is_tried_again_and_then_answered(azurite):
    script = """
        from engine import runner, tasks
        def bug(*_, **__):
            raise RuntimeError('a bug')
        runner.run = bug
        tasks.TRIES = 1
        _, headers, _ = ask('POST', RUNS, {**PAST, 'wait': 'PT0S'})
        drain()
        place = headers['location']
        show(answer=follow(place)[2])
    """
    shown = play(azurite, script, table="bugs")
    assert (shown["answer"]["status"], "a bug in Vizsla" in shown["answer"]["error"]) == ("failed", True)
    assert len(shown["log"]) == 1


def test_end_to_end_findings_are_listed_and_mutes_made(azurite):
    script = """
        host.fire('dispatch')
        host.drain('hunt', 'vizsla-runs')
        pages, url = [], '/api/findings?limit=1&device=ws1&code=s3cret'
        while url:
            _, _, said = ask('GET', url)
            pages += [finding['hunt'] for finding in said['findings']]
            url = said['next']
        wish = {'device': 'ws1.contoso.com', 'actor': 'C:/Tools/tool.exe', 'until': '1d', 'owner': 'a', 'reason': 'b'}
        made = ask('POST', '/api/mutes', wish)
        listed = ask('GET', '/api/mutes')[2]['mutes']
        gone = ask('DELETE', '/api/mutes/' + made[2]['id'])
        show(pages=pages, mutes=[made[0], listed == [made[2]], gone[0], ask('GET', '/api/mutes')[2]['mutes']])
    """
    shown = play(azurite, script, table="lists")
    assert sorted(shown["pages"]) == ["discovery-burst", "discovery-by-device", "discovery-by-parent"]
    assert shown["mutes"] == [201, True, 200, []]
    assert json.dumps(shown).count("s3cret") == 0
