"""Policy: rules over what is sent to a model and what comes back.

Rule files are YAML in Keep's schema, extended by some fields of our own (`schema`). `loading` reads
them; `engine` applies them to *calls* (one text, one tool result, one tool call, ...) and returns
*decisions* (`model`). There is no I/O except reading files, and nothing here knows HTTP: `requests`
and `answers` connect the engine to bodies and streams.

`building` makes the policy of the settings: of rule files, and of `simple` settings without any. Rules
that only look at single findings are applied by `handling`; for the others, `decomposing` splits
requests into calls, by `request_tables`, and `grammars` do so for answers, whose frames `judged` holds
back while a rule may still change them.

    policy = loading.load(Path("policy.yaml"), DetectorSecrets(detector))
    decision = policy.evaluate(Call("llm.text", {"text": text, "role": "user"}, {"direction": "request"}))
    decision.action, decision.rule, decision.message, decision.params
"""
