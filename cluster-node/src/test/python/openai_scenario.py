"""Drives a node by the unmodified `openai` package. The first failed assertion ends it.

Reads from the environment: PARLEY_URL (with /v1), PARLEY_KEY and PARLEY_OTHER_KEY (keys of two tenants).
"""

import json
import os
import time
from array import array
from typing import Annotated, Literal

import openai
from openai import OpenAI
from pydantic import BaseModel, Field

URL = os.environ["PARLEY_URL"]
MODEL = "smollm2-135m-instruct"
ENCODER = "all-minilm-l6-v2"
QUESTION = [{"role": "user", "content": "What is a lighthouse for?"}]

client = OpenAI(base_url=URL, api_key=os.environ["PARLEY_KEY"], max_retries=0, timeout=120)
other = client.with_options(api_key=os.environ["PARLEY_OTHER_KEY"])
stranger = client.with_options(api_key="pk-nobody")


def step(function):
    """Runs a step at once, and says how long it took."""
    started = time.monotonic()
    print(function.__name__, "...", flush=True)
    function()
    print(f"{function.__name__} ok ({time.monotonic() - started:.1f} s)", flush=True)


def refused(kind, call, code=None, param=None):
    try:
        result = call()
    except openai.APIStatusError as error:
        assert type(error) is kind, (kind, error)
        assert error.body["message"] and error.body["type"], error.body
        assert code is None or error.code == code, (code, error.body)
        assert param is None or error.param == param, (param, error.body)
        return error
    raise AssertionError(f"expected {kind.__name__}, got {result}")


def chat(messages=None, **more):
    options = {"model": MODEL, "messages": messages or QUESTION, "max_tokens": 12, "seed": 7, **more}
    return client.chat.completions.create(**options)


def respond(**more):
    # greedy, so that every run asks for the same answers
    options = {"model": MODEL, "input": "Name a colour.", "max_output_tokens": 12, "temperature": 0, **more}
    return client.responses.create(**options)


@step
def models():
    listed = client.models.list().data
    assert any(model.id.split("@")[0] == MODEL for model in listed), listed
    assert client.models.retrieve(listed[0].id).id == listed[0].id


@step
def chat_completion():
    answer = chat()
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.prompt_tokens > 0 and 0 < usage.completion_tokens <= 12
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert answer.model.split("@")[0] == MODEL


@step
def same_seed_same_text():
    texts = [chat(temperature=1.0).choices[0].message.content for _ in range(2)]
    assert texts[0] == texts[1], texts


@step
def streaming_with_usage():
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == chat().choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in ("stop", "length")
    assert not chunks[-1].choices and chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


@step
def log_probabilities():
    answer = chat(logprobs=True, top_logprobs=3, max_tokens=4, temperature=0)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens
    for token in content:
        assert token.logprob <= 1e-6 and len(token.top_logprobs) == 3
        assert token.logprob >= max(top.logprob for top in token.top_logprobs) - 1e-3, token
    streamed = [
        entry.token
        for chunk in chat(logprobs=True, top_logprobs=3, max_tokens=4, temperature=0, stream=True)
        if chunk.choices and chunk.choices[0].logprobs
        for entry in chunk.choices[0].logprobs.content or []
    ]
    assert streamed == [token.token for token in content], streamed


@step
def stop_strings():
    whole = chat(temperature=0).choices[0].message.content
    stop = whole.split()[3]
    answer = chat(temperature=0, stop=[stop])
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content == whole[: whole.index(stop)]
    streamed = "".join(c.choices[0].delta.content or "" for c in chat(temperature=0, stop=stop, stream=True))
    assert streamed == answer.choices[0].message.content


@step
def multi_byte_text():
    ask = {
        "messages": [{"role": "user", "content": "Repeat exactly: 🦊🐢🦉 日本語 ñandú 🦊🐢🦉"}],
        "temperature": 0,
        "max_tokens": 24,
    }
    whole = chat(**ask).choices[0].message.content
    parts = [c.choices[0].delta.content or "" for c in chat(**ask, stream=True)]
    assert "".join(parts) == whole
    assert any(ord(character) > 0x7F for character in whole), "the answer has no multi-byte character"
    for part in parts[:-2]:  # only a cut-off end may be half a character
        assert "\ufffd" not in part, parts


@step
def refused_requests():
    refused(openai.NotFoundError, lambda: chat(model="no-such-model"), code="model_not_found")
    refused(openai.BadRequestError, lambda: chat(max_tokens=0), param="max_tokens")
    wrong = refused(openai.BadRequestError, lambda: chat(max_tokens="many"), param="max_tokens")
    assert wrong.code and wrong.type == "invalid_request_error"
    refused(openai.BadRequestError, lambda: chat(temperature=3), param="temperature")
    long = [{"role": "user", "content": "word " * 9000}]
    refused(openai.BadRequestError, lambda: chat(messages=long), code="context_length_exceeded")
    refused(
        openai.BadRequestError, lambda: list(chat(messages=long, stream=True)), code="context_length_exceeded"
    )
    refused(openai.NotFoundError, lambda: client.responses.retrieve("resp_nothing_1"))


@step
def responses():
    first = respond(instructions="Answer in one word.", metadata={"topic": "colours"})
    assert first.object == "response" and first.status in ("completed", "incomplete")
    assert first.output_text and first.usage.output_tokens > 0
    assert first.instructions == "Answer in one word." and first.metadata == {"topic": "colours"}
    again = client.responses.retrieve(first.id)
    assert again.output_text == first.output_text and again.id == first.id
    second = respond(input="Another one?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert second.usage.input_tokens > first.usage.output_tokens + 5
    items = client.responses.input_items.list(second.id).data
    assert [item.content[0].text for item in items] == ["Another one?"], items
    branch = respond(input="And from the first one?", previous_response_id=first.id)
    assert branch.output_text and branch.id not in (first.id, second.id)
    refused(
        openai.NotFoundError,
        lambda: respond(previous_response_id="resp_aaaaaaaaaaaaaaaaaaaaaaaaaa_1"),
        code="previous_response_not_found",
    )


@step
def response_stream():
    events = list(respond(stream=True))
    types = [event.type for event in events]
    assert types[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert types[-1] in ("response.completed", "response.incomplete")
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers)), numbers
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text
    with client.responses.stream(
        model=MODEL, input="Name an animal.", max_output_tokens=8, temperature=0
    ) as stream:
        # the package builds its own picture of the response from the events, and checks them so
        last = None
        for last in stream:
            pass
    # a small model may not be done after 8 tokens
    assert last.type in ("response.completed", "response.incomplete"), last.type
    assert last.response.output_text


@step
def background_stream_is_resumed():
    stream = respond(input="Tell me about the sea.", max_output_tokens=60, background=True, stream=True)
    seen, response, last = [], None, -1
    for event in stream:
        last = event.sequence_number
        if event.type == "response.created":
            response = event.response.id
        if event.type == "response.output_text.delta":
            seen.append(event.delta)
            if len(seen) == 3:
                break
    stream.close()
    resumed = list(client.responses.retrieve(response, stream=True, starting_after=last))
    assert resumed[0].sequence_number == last + 1 or resumed[0].sequence_number > last
    rest = [event.delta for event in resumed if event.type == "response.output_text.delta"]
    final = client.responses.retrieve(response)
    assert final.status in ("completed", "incomplete"), final.status
    assert "".join(seen + rest) == final.output_text == resumed[-1].response.output_text
    again = list(client.responses.retrieve(response, stream=True))
    assert "".join(e.delta for e in again if e.type == "response.output_text.delta") == final.output_text


def started(tokens=2000):
    return respond(
        input="Write a very long story.",
        max_output_tokens=tokens,
        background=True,
        extra_body={"ignore_eos": True},
    )


@step
def cancel_and_delete():
    response = started()
    assert response.status in ("queued", "in_progress") and response.background
    cancelled = client.responses.cancel(response.id)
    assert cancelled.status == "cancelled", cancelled.status
    assert client.responses.cancel(response.id).status == "cancelled"
    client.responses.delete(response.id)
    refused(openai.NotFoundError, lambda: client.responses.retrieve(response.id))


@step
def conversations():
    conversation = client.conversations.create(
        items=[
            {"type": "message", "role": "user", "content": "My name is Ada."},
            {"type": "message", "role": "assistant", "content": "Hello Ada."},
        ],
        metadata={"of": "ada"},
    )
    assert conversation.id.startswith("conv_") and conversation.metadata == {"of": "ada"}
    answer = respond(conversation=conversation.id, input="What is my name?")
    assert answer.conversation.id == conversation.id
    items = client.conversations.items.list(conversation.id, order="asc").data
    assert [item.role for item in items] == ["user", "assistant", "user", "assistant"]
    assert items[-1].content[0].text == answer.output_text
    assert client.conversations.items.retrieve(items[0].id, conversation_id=conversation.id).id == items[0].id
    updated = client.conversations.update(conversation.id, metadata={"of": "lovelace"})
    assert updated.metadata == {"of": "lovelace"}
    added = client.conversations.items.create(
        conversation.id, items=[{"type": "message", "role": "user", "content": "One more."}]
    )
    assert added.data[0].content[0].text == "One more."
    assert client.conversations.delete(conversation.id).deleted
    refused(openai.NotFoundError, lambda: client.conversations.retrieve(conversation.id))


class Lighthouse(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=24)]
    height: Annotated[int, Field(ge=1, le=300)]
    colour: Literal["red", "white", "blau"]
    neighbours: Annotated[list[Annotated[str, Field(max_length=8)]], Field(min_length=1, max_length=2)]
    lit: bool | None


class Weather(BaseModel):
    """The weather of a town."""

    town: Annotated[str, Field(max_length=20)]
    unit: Literal["celsius", "fahrenheit"]


PLACE = [{"role": "user", "content": "Describe a lighthouse in JSON."}]
TOOL = openai.pydantic_function_tool(Weather, name="get_weather")
RAIN = [{"role": "user", "content": "What is the weather in Paris?"}]


@step
def structured_output():
    for options in ({"temperature": 0}, {"temperature": 1.5, "seed": 3}):
        answer = client.chat.completions.parse(
            model=MODEL, messages=PLACE, response_format=Lighthouse, max_tokens=300, **options
        )
        assert answer.choices[0].finish_reason == "stop", answer
        place = answer.choices[0].message.parsed
        assert 1 <= place.height <= 300 and 1 <= len(place.neighbours) <= 2, place
    parsed = client.responses.parse(
        model=MODEL, input=PLACE, text_format=Lighthouse, max_output_tokens=300, temperature=0
    )
    assert parsed.output_parsed.height >= 1 and parsed.text.format.type == "json_schema", parsed
    whole = chat(messages=PLACE, response_format={"type": "json_object"}, max_tokens=20)
    assert whole.choices[0].message.content.startswith("{"), whole
    strange = {"name": "x", "schema": {"type": "object", "properties": {"a": {"not": {}}}}}
    refused(
        openai.BadRequestError,
        lambda: chat(response_format={"type": "json_schema", "json_schema": strange}),
        code="unsupported_schema",
        param="response_format.json_schema.schema.properties.a.not",
    )


@step
def tool_calls():
    ask = {"messages": RAIN, "tools": [TOOL], "max_tokens": 100, "temperature": 0}
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        answer = chat(**ask, tool_choice=choice)
        assert answer.choices[0].finish_reason == "tool_calls", answer
        message = answer.choices[0].message
        assert message.content is None and len(message.tool_calls) == 1
        call = message.tool_calls[0]
        assert call.function.name == "get_weather" and Weather.model_validate_json(call.function.arguments)
    streamed = chat(**ask, tool_choice="required", stream=True)
    pieces = [chunk.choices[0] for chunk in streamed]
    assert pieces[-1].finish_reason == "tool_calls"
    deltas = [piece.delta.tool_calls[0] for piece in pieces if piece.delta.tool_calls]
    assert [delta.function.name for delta in deltas if delta.id] == ["get_weather"]
    assert "".join(delta.function.arguments for delta in deltas) == call.function.arguments
    with client.chat.completions.stream(model=MODEL, **ask, tool_choice="required") as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments.unit in ("celsius", "fahrenheit")
    result = {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"degrees": 17})}
    after = chat(messages=RAIN + [message, result], tools=[TOOL])
    assert after.usage.prompt_tokens > answer.usage.prompt_tokens
    free = chat(messages=QUESTION, tools=[TOOL], tool_choice="none")
    assert free.choices[0].message.content and not free.choices[0].message.tool_calls


@step
def response_tool_calls():
    function = TOOL["function"]
    tool = {"type": "function", **{key: function[key] for key in ("name", "description", "parameters", "strict")}}
    ask = {"input": RAIN, "tools": [tool], "tool_choice": "required", "max_output_tokens": 100}
    response = respond(**ask)
    call = response.output[0]
    assert call.type == "function_call" and Weather.model_validate_json(call.arguments), response
    assert response.tools[0].name == "get_weather" and response.tool_choice == "required"
    events = list(respond(**ask, stream=True))
    deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert "".join(deltas) == call.arguments and events[-1].type == "response.completed"
    done = next(e for e in events if e.type == "response.function_call_arguments.done")
    assert done.arguments == call.arguments
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers)), numbers
    result = {"type": "function_call_output", "call_id": call.call_id, "output": '{"degrees": 17}'}
    after = respond(input=[result], previous_response_id=response.id)
    assert after.usage.input_tokens > response.usage.output_tokens
    items = client.responses.input_items.list(after.id).data
    assert items[0].type == "function_call_output" and items[0].call_id == call.call_id, items


@step
def one_turn_at_a_time():
    conversation = client.conversations.create()
    running = respond(
        conversation=conversation.id,
        input="Write a very long story.",
        max_output_tokens=2000,
        background=True,
        extra_body={"ignore_eos": True},
    )
    refused(openai.ConflictError, lambda: respond(conversation=conversation.id))
    client.responses.cancel(running.id)


@step
def a_key_means_one_request():
    key = {"extra_headers": {"Idempotency-Key": "scenario-turn"}}
    first = chat(**key)
    assert chat(**key).id == first.id
    refused(openai.UnprocessableEntityError, lambda: chat(temperature=0, **key), code="idempotency_key_reused")
    key = {"extra_headers": {"Idempotency-Key": "scenario-conversation"}}
    made = client.conversations.create(metadata={"of": "ada"}, **key)
    assert client.conversations.create(metadata={"of": "ada"}, **key).id == made.id
    refused(
        openai.UnprocessableEntityError,
        lambda: client.conversations.create(metadata={"of": "bob"}, **key),
        code="idempotency_key_reused",
    )


@step
def embeddings():
    def embed(given, **more):
        return client.embeddings.create(model=ENCODER, input=given, **more)

    def product(a, b):
        return sum(x * y for x, y in zip(a, b))

    texts = ["What is a lighthouse for?", "A lighthouse guides ships at night.", "Stocks fell today."]
    answer = embed(texts)
    assert answer.model.split("@")[0] == ENCODER and answer.usage.total_tokens == 23, answer.usage
    question, fact, other_fact = (entry.embedding for entry in answer.data)
    assert len(question) == 384 and abs(product(question, question) - 1) < 1e-5
    assert product(question, fact) > 0.5 > 0.2 > product(question, other_fact)
    # the client asks for base64 by itself; the decimals of floats are the same numbers in 32 bits
    decimals = embed(texts[0], encoding_format="float", dimensions=384).data[0].embedding
    assert array("f", decimals) == array("f", question)
    ids = [101, 2054, 2003, 1037, 10171, 2005, 1029, 102]
    assert embed(ids).data[0].embedding == question
    assert embed([ids, [101, 102]]).data[0].embedding == question
    many = embed(["a"] * 600 + texts[:1])
    assert many.data[600].embedding == question and many.usage.prompt_tokens == 600 * 3 + 8
    bad = openai.BadRequestError
    refused(bad, lambda: embed(["a", "word " * 300]), code="context_length_exceeded", param="input[1]")
    refused(bad, lambda: embed("a", dimensions=128), code="invalid_value", param="dimensions")
    refused(bad, lambda: embed([101, 30522]), code="invalid_value", param="input[0]")
    refused(bad, lambda: client.embeddings.create(model=MODEL, input="a"), code="wrong_model_kind")
    refused(bad, lambda: chat(model=ENCODER), code="wrong_model_kind", param="model")
    refused(
        openai.NotFoundError,
        lambda: client.embeddings.create(model="none", input="a"),
        code="model_not_found",
    )


@step
def keys_and_tenants():
    refused(openai.AuthenticationError, stranger.models.list)
    refused(openai.AuthenticationError, lambda: stranger.responses.retrieve("resp_a_1"))
    mine = respond()
    conversation = client.conversations.create()
    refused(openai.NotFoundError, lambda: other.responses.retrieve(mine.id))
    refused(openai.NotFoundError, lambda: other.responses.delete(mine.id))
    refused(openai.NotFoundError, lambda: other.responses.cancel(mine.id))
    refused(openai.NotFoundError, lambda: other.conversations.retrieve(conversation.id))
    refused(
        openai.NotFoundError,
        lambda: other.responses.create(
            model=MODEL, input="Hello", previous_response_id=mine.id, max_output_tokens=4
        ),
    )
    session = f"/sessions/sess_{conversation.id.removeprefix('conv_')}"
    assert client.get(session, cast_to=object)
    refused(openai.NotFoundError, lambda: other.get(session, cast_to=object))
    assert client.responses.retrieve(mine.id).output_text == mine.output_text


print("all steps passed")
