"""Hooks of Schemathesis: generated requests ask for short answers, so that a run takes seconds, not hours."""

import schemathesis

LIMITS = {"/v1/chat/completions": "max_completion_tokens", "/v1/responses": "max_output_tokens"}


@schemathesis.hook
def before_call(context, case, kwargs):
    field = LIMITS.get(case.operation.path)
    if field is None or not isinstance(case.body, dict):
        return
    for name in (field, "max_tokens"):
        value = case.body.get(name)
        if name == field and value is None or isinstance(value, int) and value > 4:
            case.body[name] = 4
