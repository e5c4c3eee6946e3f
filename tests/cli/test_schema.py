"""`warmstart schema` as editors and scripts meet it."""

import json

import jsonschema

from warmstart.analysis import summary_schema
from warmstart.cli._main import run
from warmstart.studies import study_schema


def test_both_schemas_are_printed_as_json(capsys):
    for which, expected in (("study", study_schema()), ("summary", summary_schema())):
        assert run(["schema", which]) == 0
        printed = json.loads(capsys.readouterr().out)
        jsonschema.Draft202012Validator.check_schema(printed)
        assert printed == expected


def test_an_unknown_schema_is_one_sentence(capsys):
    assert run(["schema", "sumary"]) == 2
    assert capsys.readouterr().err == "Error: Unknown schema 'sumary': did you mean 'summary'? Known: study, summary.\n"
