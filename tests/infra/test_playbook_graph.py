"""The playbook's graph: no hole, no dead branch, no reference to what has not run, and no failure in silence."""

import pytest

from tests.infra import workflow
from tests.infra.playbook import TEMPLATE, actions, changed
from tests.infra.run import FAILED, every_run

TAG, ASKS = "Tag_as_ours", ("Http", "ApiConnection")


def flow(change=lambda _: None):
    return workflow.of(changed(change))


def never_run(graph):
    """Actions that no run comes to."""
    return sorted(set(graph.actions) - {name for run in every_run(graph) for name in run.ran})


def comments(graph):
    """The actions that write a comment."""
    asking = [each for each in graph.actions.values() if each.kind == "ApiConnection"]
    return {each.name for each in asking if each.is_["inputs"]["path"] == "/Incidents/Comment"}


def silences(graph):
    """What fails in silence, as text of (what, how), and what is asked for an incident without our tag."""
    found, speaking = set(), comments(graph)
    asking = {each.name for each in graph.actions.values() if each.kind in ASKS}
    for run in every_run(graph):
        order = {name: place for place, name in enumerate(run.ran)}
        failed = [name for name in order if run.statuses[name] in FAILED]
        spoken = [name for name in order if name in speaking]
        written = [name for name in spoken if run.statuses[name] == "Succeeded"]
        if run.statuses[TAG] != "Succeeded":
            found |= {(name, "was asked without the tag") for name in asking & {*order} - {TAG}}
            continue
        answered = bool(written) and run.status == "Failed"  # what fails after the answer need only be seen to fail
        found |= {
            (name, "no comment after it")
            for name in failed
            if name not in speaking and not answered and not any(order[one] > order[name] for one in spoken)
        }
        if not written and run.status != "Failed":
            found.add((tuple(failed), f"{run.status} without a comment"))
    return sorted(map(str, found))


def test_the_graph_has_no_hole():
    assert workflow.holes(flow()) == []


def test_no_expression_refers_to_what_has_not_run():
    assert workflow.dangling(flow()) == []


def test_no_branch_is_dead():
    assert never_run(flow()) == []


def test_no_failure_is_silent_and_nothing_is_done_without_the_tag():
    assert silences(flow()) == []


def test_every_run_is_walked():
    statuses = {(name, run.statuses[name]) for run in every_run(flow()) for name in run.ran}
    remote = [each.name for each in flow().actions.values() if each.kind in ASKS]
    assert {(name, status) for name in remote for status in ("Succeeded", "Failed", "TimedOut")} <= statuses


def test_inside_a_scope_no_failure_is_handled():
    """So it does not matter whether Logic Apps counts a handled failure when it judges a scope."""
    inner = [each for each in flow().actions.values() if each.home]
    assert {status for each in inner for statuses in each.after.values() for status in statuses} == {"Succeeded"}


def test_a_failed_hunt_ends_as_a_failed_run():
    ended = {(run.status, run.ended_by) for run in every_run(flow()) if run.statuses["Hunt"] in FAILED}
    assert ended == {("Failed", "End_hunt_failed")}


def renamed(old, new):
    """Runs after what is called otherwise."""
    return lambda template: actions(template)[old].update(runAfter={new: ["Succeeded"]})


def told_after(name, statuses, *path):
    """Runs after the same, in other statuses."""

    def change(template):
        action = actions(template, *path)[name]
        action["runAfter"] = dict.fromkeys(action["runAfter"], statuses)

    return change


def said(name, value, *path):
    return lambda template: actions(template, *path)[name].update(inputs=value)


def taken_out(name):
    return lambda template: actions(template).pop(name)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (renamed("Hunt", "Tag_as_yours"), "Hunt runs after Tag_as_yours, which does not stand beside it"),
        (renamed("Hunt", "Answer"), "Hunt runs after Answer, which does not stand beside it"),
        (renamed("Hunt", "Notes"), "Hunt runs after itself"),
        (told_after("Hunt", ["Suceeded"]), "Hunt runs after Tag_as_ours ['Suceeded']"),
        (told_after("Hunt", []), "Hunt runs after Tag_as_ours []"),
        (
            lambda template: actions(template)["Hunt"].update(runAfter={}),
            "the workflow actions begins with ['Our_tags', 'Hunt']",
        ),
    ],
)
def test_a_planted_hole_is_found(change, fault):
    assert fault in workflow.holes(flow(change))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (said("Window_end", "@body('Nobody')", "Hunt"), "Window_end: body('Nobody') is not there by then"),
        (said("Window_end", "@outputs('Request')", "Hunt"), "Window_end: outputs('Request') is not there by then"),
        (said("Notes", "@actions('Failure')"), "Notes: actions('Failure') is not there by then"),
        (said("Notes", "a @{parameters('Hnt')}"), "Notes: parameters('Hnt') is not there by then"),
        (said("Notes", "@variables('v')"), "Notes: variables('v') is not there by then"),
        (said("Notes", "@items('Loop')"), "Notes: items('Loop') is not there by then"),
        (said("Notes", "@item()"), "Notes: item() stands in no loop"),
        (said("Notes", "@body(parameters('Hunt'))"), "Notes: body takes one name"),
        (said("Notes", "@concat('a'"), """Notes: "@concat('a'": cannot be read at 11"""),
    ],
)
def test_a_planted_reference_is_found(change, fault):
    assert fault in workflow.dangling(flow(change))


def test_a_workflow_that_loops_and_counts_is_read_too():
    """The playbook has neither; the checks know both."""
    loop = {
        "Set": {"type": "SetVariable", "inputs": {"name": "v", "value": "@items('Loop')"}},
        "Inner": {"type": "Compose", "inputs": "@concat(variables('v'), item())", "runAfter": {"Set": ["Succeeded"]}},
    }
    held = {
        "Start": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "v", "type": "string"}]}},
        "Loop": {
            "type": "Foreach",
            "foreach": "@outputs('Start')",
            "actions": loop,
            "runAfter": {"Start": ["Succeeded"]},
        },
    }
    graph = workflow.Workflow({"triggers": {}, "actions": held})
    assert workflow.holes(graph) == []
    assert workflow.dangling(graph) == []


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        (told_after("Comment_-_Hunt_failed", ["TimedOut"]), ["Comment_-_Hunt_failed", "End_hunt_failed"]),
        (told_after("End_without_hunt", ["Skipped"], "Hunt", "If_no_host_say_so"), ["End_without_hunt"]),
        (renamed("Notes", "End_hunt_failed"), ["Comment_-_Notes", "If_notes_add_them", "Notes"]),
    ],
)
def test_a_planted_dead_branch_is_found(change, dead):
    assert never_run(flow(change)) == dead


def untagged(template):
    """Hunts whether or not the tag could be written."""
    told_after("Hunt", ["Succeeded", "Failed"])(template)


@pytest.mark.parametrize(
    ("change", "silence"),
    [
        (told_after("Failure", ["TimedOut"]), "('Entities_-_Get_Hosts', 'no comment after it')"),
        (told_after("Comment_-_Hunt_failed", ["Succeeded"]), "('Failure', 'no comment after it')"),
        (told_after("Comment_-_Answer", ["Succeeded"]), "('Raise_severity', 'no comment after it')"),
        (untagged, "('Run_hunt_with_key', 'was asked without the tag')"),
        (
            lambda template: actions(template)["End_answer_unwritten"]["inputs"].update(runStatus="Succeeded"),
            "(('Comment_-_Answer', 'Comment_-_Answer_unwritten'), 'Succeeded without a comment')",
        ),
    ],
)
def test_a_planted_silence_is_found(change, silence):
    assert silence in silences(flow(change))


def test_the_template_is_one_file_that_git_and_people_can_read():
    text = TEMPLATE.read_text("utf-8")
    assert text.endswith("}\n")
    assert text.isascii()
