"""One attribute decides a request; and in both services, tables, tools, rules and words fit together."""

from random import Random
from string import Formatter

import pytest

from tasks.worlds.desk.rules import ADDRESS, CANCEL, REFUND, STATUS
from tasks.worlds.desk.rules import SERVICE as DESK
from tasks.worlds.library.rules import SERVICE as LIBRARY
from tasks.worlds.service import Outcome, Rule, Service

GOLD, BASIC = {"tier": "gold"}, {"tier": "basic"}
PENDING, SHIPPED = {"status": "pending"}, {"status": "shipped"}


@pytest.mark.parametrize(
    ("rule", "caller", "item", "outcome"),
    [
        (CANCEL, BASIC, PENDING, CANCEL.allowed),
        (CANCEL, GOLD, SHIPPED, CANCEL.refused),
        (REFUND, GOLD, SHIPPED, REFUND.allowed),
        (REFUND, BASIC, PENDING, REFUND.refused),
        (ADDRESS, GOLD, SHIPPED, ADDRESS.refused),
        (STATUS, BASIC, SHIPPED, STATUS.allowed),
    ],
)
def test_the_right_outcome(rule: Rule, caller: dict[str, str], item: dict[str, str], outcome: Outcome) -> None:
    assert rule.outcome(caller, item) is outcome


def test_tools_are_found_by_name() -> None:
    assert [DESK.tool(tool.name) for tool in DESK.tools] == list(DESK.tools)
    assert DESK.tool("renew_loan") is None and LIBRARY.tool("renew_loan") is not None


SERVICES = (DESK, LIBRARY)
RULES = [
    pytest.param(service, rule, id=f"{service.name}-{rule.name}") for service in SERVICES for rule in service.rules
]
services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
rules = pytest.mark.parametrize(("service", "rule"), RULES)


def outcomes(rule: Rule) -> list[Outcome]:
    return [outcome for outcome in (rule.allowed, rule.refused) if outcome]


@rules
def test_an_outcome_calls_a_tool_with_all_its_arguments(service: Service, rule: Rule) -> None:
    for outcome in outcomes(rule):
        tool = service.tool(outcome.tool)
        assert (tool is None) == (outcome.tool == "")
        if tool:
            assert set(outcome.arguments) == set(tool.arguments)
            assert tool.table == service.objects and tool.sets


@rules
def test_words_name_only_fields_that_there_are(service: Service, rule: Rule) -> None:
    item = next(iter(service.tables(Random(0))[service.objects].values()))
    texts = [*rule.requests, *(text for outcome in outcomes(rule) for text in outcome.wordings)]
    fields = {field for text in texts for _, field, _, _ in Formatter().parse(text) if field}
    assert fields <= {"object", "detail", *item}
    assert all("{" + rule.fact + "}" in text for text in rule.allowed.wordings if rule.fact), "an asked fact is told"


@rules
def test_the_deciding_attribute_is_of_one_table_and_allows_half(service: Service, rule: Rule) -> None:
    tables = service.tables(Random(0))
    deciding = [
        [row[rule.attribute] == rule.allows for row in tables[name].values()]
        for name in (service.callers, service.objects)
        if rule.attribute in next(iter(tables[name].values()))
    ]
    assert len(deciding) == bool(rule.refused)
    assert all(0.4 < sum(allowed) / len(allowed) < 0.6 for allowed in deciding)


@services
def test_callers_are_found_by_each_identity(service: Service) -> None:
    caller = next(iter(service.tables(Random(0))[service.callers].values()))
    assert set(service.identities) == set(service.lookups) <= set(caller)
    for field, name in service.lookups.items():
        tool = service.tool(name)
        assert tool is not None and (tool.table, tool.key) == (service.callers, field)
    opener = service.tool(service.opener)
    assert opener is not None and opener.table == service.objects and not opener.sets


@services
def test_every_object_belongs_to_the_caller_that_lists_it(service: Service) -> None:
    tables = service.tables(Random(1))
    callers, objects = tables[service.callers], tables[service.objects]
    listed = [(item, caller_id) for caller_id, caller in callers.items() for item in caller[service.objects]]
    key = next(field for field in service.identities if field != "email")
    assert sorted(listed) == sorted((item, row[key]) for item, row in objects.items())
    assert {len(caller[service.objects]) for caller in callers.values()} == {2, 3, 4}
    assert len({caller["email"] for caller in callers.values()}) == len(callers)


@services
def test_the_seed_decides_the_tables(service: Service) -> None:
    assert service.tables(Random(2)) == service.tables(Random(2)) != service.tables(Random(3))
