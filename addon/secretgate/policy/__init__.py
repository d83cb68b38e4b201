"""Policy: rules over what goes to a model and what comes back.

Rule files are YAML in the schema of Keep, with some fields of ours on top (`schema`); `loading` reads them, `engine`
applies them to *calls* (one text, one tool result, one tool call, ...) and gives *decisions* (`model`). No I/O but
the reading of files, and nothing here knows HTTP: `requests` and `answers` fit the engine to bodies and streams.

    policy = loading.load(Path("policy.yaml"), Scanner(detector))
    decision = policy.evaluate(Call("llm.text", {"text": text, "role": "user"}, {"direction": "request"}))
    decision.action, decision.rule, decision.message, decision.params
"""
