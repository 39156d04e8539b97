"""States that were changed, sent twice or taken elsewhere, and ids that are used twice."""

import concurrent.futures
import json
import time

from wire import Legacy, Modern

CAN = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
FORM = {"name": "test_elicitation", "arguments": {"message": "Who are you?"}}


def asked(modern, tool="test_elicitation", arguments=None):
    """A call that is asked back: (its key, its state)."""
    result = modern.call(tool, arguments or FORM["arguments"]).result or {}
    if result.get("resultType") != "input_required":
        raise ValueError(f"{tool} was not asked back: {json.dumps(result)[:200]}")
    return next(iter(result["inputRequests"])), result.get("requestState")


def retry(modern, key, state, tool="test_elicitation", arguments=None, name="Anna"):
    content = {"username": name, "email": "anna@example.org", "name": name}
    given = {key: {"action": "accept", "content": content}}
    more = {"requestState": state} if state is not None else {}
    return modern.call(tool, arguments or FORM["arguments"], inputResponses=given, number=2, **more)


def refused(answer):
    """An error, or the question once more; nothing was done."""
    again = (answer.result or {}).get("resultType") == "input_required"
    failed = answer.code is not None or bool((answer.result or {}).get("isError"))
    return f"{answer}{' (asked again)' if again else ''}", failed or again


def done(answer):
    return f"{answer}: {answer.text()[:60]}", "accept" in answer.text()


def changed(state):
    """The same state with one letter changed in its middle."""
    middle = len(state) // 2
    return state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]


def cases(table, place, _records, _serving):
    for era in ["legacy", "modern"]:
        modern = Modern(place, f"/mcp/s/{era}", CAN)
        table.run(
            f"{era} child: asked back and answered", "200, result", lambda modern=modern: done(retry(modern, *asked(modern)))
        )
        # What a modern child gives back as its state is its own business; this tool of the fixture has one that is sealed.
        tool = "test_elicitation" if era == "legacy" else "test_input_required_result_tampered_state"
        states(table, era, modern, tool)
    same_ids(table, place)


def states(table, era, modern, tool):
    good = "accept" if era == "legacy" else "came back"

    def spoiled(name, attempt):
        """A call is asked back; `attempt(key, state)` must be refused, and the right answer must then still be taken."""

        def tried():
            key, state = asked(modern, tool)
            found, ok = refused(attempt(key, state))
            last = retry(modern, key, state, tool)
            return f"{found}, then {last}", ok and good in last.text()

        table.run(f"{era} child: {name}", "S an error, or asked again", tried)

    def with_state(change):
        return lambda key, state: retry(modern, key, change(state), tool)

    spoiled("state with one letter changed", with_state(changed))
    spoiled("state cut in half", with_state(lambda state: state[: len(state) // 2]))
    spoiled("state of nonsense", with_state(lambda _: "nonsense"))
    spoiled("state of 1 MB", with_state(lambda _: "A" * 1_000_000))
    spoiled("state of another tool", lambda key, state: retry(modern, key, state, "test_streaming_elicitation", {}))
    if era == "modern":
        spoiled("state left out", with_state(lambda _: None))
        return
    spoiled("state with other arguments", lambda key, state: retry(modern, key, state, arguments={"message": "other"}))
    there = Modern(modern.place, "/mcp/s/modern", CAN)
    spoiled("state at another endpoint", lambda key, state: retry(there, key, state))

    def run(name, wanted, judge, tried):
        table.run(f"{era} child: {name}", wanted, lambda: judge(tried()))

    run("state left out", "S an error, or asked again", refused, lambda: retry(modern, asked(modern)[0], None))
    run("state sent twice", "S an error, or asked again", refused, lambda: replayed(modern))
    run("state sent twice at once", "one of them is done", once_done, lambda: at_once(modern))
    run("answer that fits no form", "an answer", answered_somehow, lambda: wrong_answer(modern))
    run("30 questions that nobody answers, and a call", "200, result, in 5 s", soon, lambda: abandoned(modern))


def abandoned(modern):
    for _ in range(30):
        asked(modern)
    started = time.monotonic()
    return modern.call("test_simple_text"), time.monotonic() - started


def soon(found):
    answer, took = found
    return f"{answer} after {took:.1f} s", "simple text" in answer.text() and took < 5


def replayed(modern):
    key, state = asked(modern)
    first = retry(modern, key, state)
    if "accept" not in first.text():
        raise ValueError(f"the first time it gave {first}")
    return retry(modern, key, state, name="Eve")


def at_once(modern):
    key, state = asked(modern)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [answer.result() for answer in [pool.submit(retry, modern, key, state) for _ in range(4)]]


def once_done(answers):
    good = sum("accept" in answer.text() for answer in answers)
    return f"{good} of {len(answers)} done", good == 1


def wrong_answer(modern):
    key, state = asked(modern)
    given = {key: {"action": "perhaps"}}
    return modern.call(
        **{"tool": "test_elicitation", "arguments": FORM["arguments"]}, inputResponses=given, requestState=state, number=2
    )


def answered_somehow(answer):
    """The child may take it or leave it; nobody may wait for ever."""
    return answer, answer.message is not None


def same_ids(table, place):
    def both(clients):
        """All clients call at once under the same id; each must get what it sent."""
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            jobs = {
                mark: pool.submit(client.call, "test_echo_arguments", {"mark": f"mark-{mark}-"}, number=7)
                for mark, client in enumerate(clients)
            }
            wrong = [mark for mark, job in jobs.items() if f"mark-{mark}-" not in json.dumps(job.result().message)]
        return f"{len(clients) - len(wrong)} of {len(clients)} got their own", not wrong

    for era in ["legacy", "modern"]:
        table.run(
            f"20 sessions, one id, {era} child",
            "each its own",
            lambda era=era: both([Legacy(place, f"/mcp/s/{era}") for _ in range(20)]),
        )
        table.run(
            f"20 modern clients, one id, {era} child",
            "each its own",
            lambda era=era: both([Modern(place, f"/mcp/s/{era}") for _ in range(20)]),
        )
    session = Legacy(place, "/mcp/s/legacy")
    table.run("one session, one id twice at once", "an answer to each", lambda: twice(session))


def twice(session):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(session.call, "test_slow", {"seconds": 0.5}, number=9) for _ in range(2)]
        return " and ".join(str(job.result()) for job in jobs), all(
            job.result().message or job.result().status >= 400 for job in jobs
        )
