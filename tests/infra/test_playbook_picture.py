"""The pictures of the playbooks are those of their definitions, and can be read."""

import pytest

from tests.browser import chromium, visit
from tests.infra import flow, workflow
from tests.infra.playbook import actions, changed

FOLDERS = flow.folders()

OVERFLOWS = """[...document.querySelectorAll('g > rect[rx="6"]')].flatMap(box => {
  const room = box.getBoundingClientRect();
  return [...box.parentElement.children].filter(each => each.tagName == 'text').filter(text => {
    const taken = text.getBoundingClientRect();
    return taken.left < room.left || taken.right > room.right || taken.bottom > room.bottom;
  }).map(text => text.textContent);
})"""
BOXES = """document.querySelectorAll('g > rect[rx="6"]').length"""


def name(folder):
    return folder.name


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_the_picture_is_that_of_the_definition(folder):
    drawn = flow.draw(workflow.load(folder / "azuredeploy.json"))
    told = "make it anew: python -m tests.infra.flow"
    assert (folder / "images" / "flow.svg").read_text("utf-8") == drawn, told
    assert flow.shows((folder / "images" / "flow.png").read_bytes(), drawn), told


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_every_action_has_a_box_that_its_text_fits_in(folder):
    graph = workflow.of(workflow.load(folder / "azuredeploy.json"))
    with chromium() as browser:
        seen = visit(browser, folder / "images" / "flow.svg", ask={"boxes": BOXES, "overflows": OVERFLOWS})
    assert seen.answers == {"boxes": len(graph.actions) + 1, "overflows": []}
    assert seen.console == ()


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_every_action_says_what_it_is_for(folder):
    graph = workflow.of(workflow.load(folder / "azuredeploy.json"))
    assert [each.name for each in graph.actions.values() if not 10 <= len(each.is_.get("description", "")) <= 256] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda template: actions(template)["Notes"].update(description="Something else."),
        lambda template: actions(template)["Notes"].update(runAfter={"Comment_-_Answer": ["Failed"]}),
        lambda template: actions(template, "Hunt")["Answer"].update(type="Http"),
    ],
)
def test_a_changed_definition_has_another_picture(change):
    before, after = flow.draw(changed(lambda _: None)), flow.draw(changed(change))
    assert after != before
    assert not flow.shows((FOLDERS[0] / "images" / "flow.png").read_bytes(), after)
