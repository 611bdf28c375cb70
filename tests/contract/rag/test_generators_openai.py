"""The generator against a real server that speaks the OpenAI protocol, well or badly."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rag.generators.base import GENERATION_ERRORS, Cancellation, GenerationError, GenerationRequest
from rag.generators.openai import Limits, OpenAIGenerator, Usage
from rag.openai_service import Service
from rag.values import Hit, Passage
from tests.openai_server import Chat, Hang, OpenAIServer, Raw, Reply, Status, Stream

KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def generator(server: OpenAIServer, **limits: Any) -> OpenAIGenerator:
    return OpenAIGenerator(Service(KEY, server.base_url), "small-model", limits=Limits(**limits))


def passage(text: str = "A channel has two sides.", **changes: Any) -> Passage:
    values = {"title": "Guide", "heading": "Channels", "start": 0, "end": len(text), "language": "en"}
    return Passage(hit=Hit("c1", "d1", 1.0), text=text, **{**values, **changes})


def request(question: str = "What is a channel?", *passages: Passage) -> GenerationRequest:
    return GenerationRequest(question, "en", passages or (passage(),))


def failure(server: OpenAIServer, *replies: Reply, **limits: Any) -> GenerationError:
    server.script(*replies)
    with pytest.raises(GenerationError) as caught:
        list(generator(server, **limits).generate(request(), Cancellation()))
    assert caught.value.code in GENERATION_ERRORS and str(caught.value)
    return caught.value


def test_pieces_come_as_the_server_sends_them(server: OpenAIServer) -> None:
    server.script(Chat(pieces=("A channel ", "has two sides", " [1]."), usage=(120, 9)))

    generation = generator(server).generate(request(), Cancellation())

    assert list(generation) == ["A channel ", "has two sides", " [1]."]
    assert generation.usage == Usage(prompt_tokens=120, completion_tokens=9)
    assert not generation.truncated


def test_first_piece_is_there_while_the_server_still_writes(server: OpenAIServer) -> None:
    server.script(Chat(pieces=("First", "second"), hang_after=1))
    generation = generator(server).generate(request(), Cancellation())

    assert next(generation) == "First"

    generation.close()
    assert server.client_left.wait(10)


def test_the_request_carries_rules_passages_question_and_limits(server: OpenAIServer) -> None:
    list(generator(server, output_tokens=55).generate(request("Why?"), Cancellation()))

    received = server.received[0]
    system, user = received.body["messages"]
    assert received.path == "/v1/chat/completions"
    assert (received.body["model"], received.body["max_tokens"]) == ("small-model", 55)
    assert (system["role"], user["role"]) == ("system", "user")
    assert "A channel has two sides." in user["content"] and "Why?" in user["content"]
    assert received.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("reply", "code", "status"),
    [
        (Status(401, '{"error": {"message": "Incorrect API key: sk-very-secret"}}'), "unauthorized", 401),
        (Status(404, '{"error": {"message": "model not found"}}'), "unknown_model", 404),
        (
            Status(400, '{"error": {"code": "context_length_exceeded", "message": "too long"}}'),
            "context",
            400,
        ),
        (Status(400, '{"error": {"message": "no"}}'), "rejected", 400),
        (Status(429, '{"error": {"code": "insufficient_quota"}}'), "quota", 429),
        (Status(500, "sk-very-secret"), "server", 500),
        (Status(503, ""), "server", 503),
        (Status(302, "", {"Location": "http://127.0.0.1:1/"}), "rejected", 302),
    ],
)
def test_an_error_status_is_explained(server: OpenAIServer, reply: Reply, code: str, status: int) -> None:
    error = failure(server, reply)

    assert (error.code, error.params["status"]) == (code, status)
    assert len(server.received) == 1


def test_too_many_requests_say_when_to_come_back(server: OpenAIServer) -> None:
    error = failure(server, Status(429, "{}", {"Retry-After": "7"}))

    assert (error.code, error.params["retry_after"]) == ("rate_limited", 7)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Raw(b"220 mail.example ESMTP\r\n\r\n"), "protocol"),
        (Raw(b""), "protocol"),
        (Status(200, "<html>Welcome</html>", {"Content-Type": "text/html"}), "protocol"),
        (Stream(b"data: {not json\n\n"), "protocol"),
        (Stream(b"data: [1, 2]\n\ndata: 5\n\ndata: null\n\n"), "protocol"),
        (Stream(b'data: {"choices": 5}\n\n'), "protocol"),
        (Stream(b'data: {"choices": [{"delta": {"content": 3}}]}\n\n'), "protocol"),
        (Stream(b"\xff\xfe\x00data: x\n\n"), "protocol"),
        (Stream(b'data: {"error": {"message": "sk-very-secret"}}\n\n'), "server"),
        (Chat(drop_after=1), "incomplete"),
        (Chat(finish=None), "incomplete"),
        (Chat(pieces=()), "empty"),
        (Chat(pieces=("",)), "empty"),
        (Chat(finish="content_filter"), "filtered"),
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(server: OpenAIServer, reply: Reply, code: str) -> None:
    assert failure(server, reply).code == code


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with OpenAIServer() as server:
        gone = generator(server)

    with pytest.raises(GenerationError) as caught:
        list(gone.generate(request(), Cancellation()))

    assert caught.value.code == "unreachable"


def test_a_server_that_never_begins_is_given_up(server: OpenAIServer) -> None:
    error = failure(server, Hang(), first_token_seconds=0.2)

    assert (error.code, error.params["seconds"]) == ("first_token", "0.2")
    assert server.client_left.wait(10)


def test_a_server_that_drips_is_given_up_at_the_total_limit(server: OpenAIServer) -> None:
    drip = Chat(pieces=("x",) * 10_000, pause=0.02)

    error = failure(server, drip, first_token_seconds=5, total_seconds=0.5)

    assert (error.code, error.params["seconds"]) == ("timeout", "0.5")
    assert server.client_left.wait(10)


def test_the_limit_on_the_first_token_ends_with_the_first_token(server: OpenAIServer) -> None:
    server.script(Chat(pieces=("a",) * 8, pause=0.2))

    pieces = list(generator(server, first_token_seconds=1).generate(request(), Cancellation()))

    assert len(pieces) == 8


@pytest.mark.parametrize("reply", [Hang(), Chat(hang_after=1)], ids=["before", "during"])
def test_cancelling_frees_a_hanging_call_and_closes_the_connection(
    server: OpenAIServer, reply: Reply
) -> None:
    server.script(reply)
    cancel = Cancellation()

    def generate() -> list[str]:
        return list(generator(server).generate(request(), cancel))

    with ThreadPoolExecutor() as pool:
        running = pool.submit(generate)
        assert server.answering.wait(10)
        cancel.cancel()
        with pytest.raises(GenerationError) as caught:
            running.result(timeout=10)

    assert caught.value.code == "cancelled"
    assert server.client_left.wait(10)


def test_what_is_cancelled_beforehand_sends_nothing(server: OpenAIServer) -> None:
    cancel = Cancellation()
    cancel.cancel()

    with pytest.raises(GenerationError) as caught:
        list(generator(server).generate(request(), cancel))

    assert caught.value.code == "cancelled"
    assert server.received == []


def test_a_cancelled_call_leaves_the_generator_usable(server: OpenAIServer) -> None:
    writing, cancel = generator(server), Cancellation()
    server.script(Chat(hang_after=1))
    pieces = writing.generate(request(), cancel)
    next(pieces)
    cancel.cancel()
    with pytest.raises(GenerationError):
        list(pieces)

    assert list(writing.generate(request(), Cancellation())) == ["Hello", " world"]


def test_many_answers_at_once_do_not_mix(server: OpenAIServer) -> None:
    server.chat = lambda messages: Chat(
        pieces=[messages[1]["content"].split("Question:\n")[1].split("\n")[0]]
    )
    writing = generator(server)

    def ask(n: int) -> str:
        return "".join(writing.generate(request(f"question {n}"), Cancellation()))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(24)))

    assert answers == [f"question {n}" for n in range(24)]


@pytest.mark.parametrize("name", ["max_tokens", "temperature", "stream_options"])
def test_an_option_that_the_server_does_not_take_is_left_out_from_then_on(
    server: OpenAIServer, name: str
) -> None:
    hint = ", use 'max_completion_tokens' instead" if name == "max_tokens" else ""
    server.script(Status(400, f'{{"error": {{"message": "Unsupported parameter: {name}{hint}"}}}}'))
    writing = generator(server)

    answers = ["".join(writing.generate(request(), Cancellation())) for _ in range(2)]

    assert answers == ["Hello world", "Hello world"]
    assert [name in received.body for received in server.received] == [True, False, False]
    assert ("max_completion_tokens" in server.received[-1].body) == (name == "max_tokens")


def test_thoughts_of_a_reasoning_model_are_not_the_answer(server: OpenAIServer) -> None:
    server.script(
        Chat(pieces=("<thi", "nk>The user", " wants</th", "ink>\n\nA chan", "nel [1].")),
        Chat(pieces=("A channel [1].",), reasoning=("Let me", " see")),
        Chat(pieces=("<b> is", " a tag [1].")),
    )
    writing = generator(server)

    answers = ["".join(writing.generate(request(), Cancellation())) for _ in range(3)]

    assert answers == ["A channel [1].", "A channel [1].", "<b> is a tag [1]."]


def test_thoughts_count_as_the_first_token(server: OpenAIServer) -> None:
    server.script(Chat(pieces=("<think>",) + (".",) * 8 + ("</think>", "Yes [1]."), pause=0.15))

    answer = "".join(generator(server, first_token_seconds=1).generate(request(), Cancellation()))

    assert answer == "Yes [1]."


def test_an_endless_answer_is_cut(server: OpenAIServer) -> None:
    server.script(Chat(pieces=("word " * 20,) * 10_000))
    generation = generator(server, output_tokens=100).generate(request(), Cancellation())

    text = "".join(generation)

    assert generation.truncated and len(text) < 2000
    assert server.client_left.wait(10)


def test_a_prompt_too_long_for_a_small_model_loses_its_last_passages(server: OpenAIServer) -> None:
    long = tuple(passage(f"Passage number {n}. " + "word " * 200) for n in range(6))

    list(generator(server, passage_tokens=800).generate(request("Why?", *long), Cancellation()))

    content = server.received[0].body["messages"][1]["content"]
    assert [f"Passage number {n}." in content for n in range(6)] == [True, True, False, False, False, False]


def test_neither_key_nor_documents_reach_the_log_or_an_error(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret_text = passage("The vault opens with xyzzy-42.")
    server.script(Chat(), Status(401, f"bad key {KEY} xyzzy-42"))
    writing = generator(server)

    list(writing.generate(request("Why?", secret_text), Cancellation()))
    with pytest.raises(GenerationError) as caught:
        list(writing.generate(request("Why?", secret_text), Cancellation()))

    said = caplog.text + repr(caught.value) + str(caught.value.params) + repr(Service(KEY, server.base_url))
    assert caught.value.__cause__ is None
    assert KEY not in said and "xyzzy" not in said


def test_callbacks_of_a_cancellation_run_once_and_can_be_withdrawn() -> None:
    ran: list[str] = []
    cancel = Cancellation()
    cancel.on_cancel(lambda: ran.append("kept"))
    withdraw = cancel.on_cancel(lambda: ran.append("withdrawn"))
    withdraw()

    threads = [threading.Thread(target=cancel.cancel) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cancel.on_cancel(lambda: ran.append("late"))

    assert ran == ["kept", "late"]
