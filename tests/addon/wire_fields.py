"""Which fields of requests and answers are text, in the formats as the vendors' SDKs define them.

A line is a path, and behind `=` the `type` of the object that the field is in. Collected from the type
definitions of openai 3.54, anthropic 2.12, google-genai 3.4, mistralai 3.7, cohere 7.3 and the
service models of botocore 1.44; what `test_providers_opaque.py` has is left out.
"""

from __future__ import annotations

TEXTS = {
    "zed": """
        provider_request.messages[].content[].text = text
        provider_request.input[].output = function_call_output
        provider_request.contents[].parts[].text
    """,
    "ai-sdk": """
        prompt[].content
        prompt[].content[].text = text
        prompt[].content[].input.command = tool-call
        prompt[].content[].output.value = text
        prompt[].content[].providerOptions.anthropic.context = file
        tools[].description = function
        values[]
    """,
    "anthropic": """
        context_management.edits[].instructions = compact_20260112
        messages[].content[].content.stdout = bash_code_execution_result
        messages[].content[].content.lines[] = text_editor_code_execution_str_replace_result
        messages[].content[].content[].tabs[].url
        messages[].content[].tool_changes[].tool.definition.description
        messages[].content[].tools[].description
        container.skills[].version
        events[].content[].text = text
        events[].rubric.content = text
        initial_events[].content[].text = text
        system
        thread.instructions
        resources[].mount_path = github_repository
    """,
    "openai-chat": """
        web_search_options.user_location.approximate.city
        prediction.content[].text = text
        audio.voice
        messages[].content[].refusal = refusal
        messages[].tool_calls[].custom.input
        input[].text = text
        instructions
        metadata.note
    """,
    "openai-responses": """
        input[].action.commands[] = shell_call
        input[].operation.diff = apply_patch_call
        input[].output = apply_patch_call_output
        input[].output[].stderr
        input[].result = program_output
        input[].code = program
        input[].tools[].description = function
        input[].action.text = type
        input[].action.queries[] = search
        input[].action.env.K = exec
        input[].reason = mcp_approval_response
        input[].error = mcp_call
        input[].content[].transcript = input_audio
        input[].agent.agent_name
        prompt.variables.x.text = input_text
        questions[].instructions
        questions[].choices[].description
        session.instructions = realtime
        session.tools[].description = function
        session.audio.input.transcription.prompt
        item.output = function_call_output
        response.instructions
        inputs[].content = message.input
        inputs[].result = function.result
        inputs[].content[].text = text
        tools[].environment.skills[].description
    """,
    "openai-assistants": """
        additional_instructions
        additional_messages[].content[].text = text
        thread.messages[].content = user
        tool_outputs[].output
        tools[].function.parameters.properties.p.description
    """,
    "gemini": """
        input = text
        input.text = text
        input[].text = text
        input[].content[].text = text
        input[].arguments.code
        input[].result[].text = text
        input[].result = code_execution_result
        input[].arguments.id
        system_instruction
        agent_config.instructions
        environment.env.K.value
        tools[].description = function
        contents[].parts[].toolCall.args.id
        contents[].parts[].toolResponse.response.output
        clientContent.turns[].parts[].text
        setup.systemInstruction.parts[].text
        setup.generationConfig.responseSchema.description
        realtimeInput.text
        toolResponse.functionResponses[].response.id
    """,
    "bedrock": """
        content[].text.text
        inputText
        input.text
        messages[].content[].searchResult.content[].text
        messages[].content[].citationsContent.content[].text
        messages[].content[].toolResult.content[].searchResult.source
        modelInput.messages[].content[].text
        additionalModelRequestFields.x
        promptVariables.x.text
        requestMetadata.x
        toolConfig.tools[].toolSpec.inputSchema.json.x
        queries[].textQuery.text
        sources[].inlineDocumentSource.textDocument.text
        inlineSessionState.files[].name
        payload.contentBlocks[].text
        generateQueryInput.text
    """,
    "amazon-q": """
        conversationState.currentMessage.userInputMessage.content
        conversationState.currentMessage.userInputMessage.userInputMessageContext.toolResults[].content[].text
        conversationState.currentMessage.userInputMessage.userInputMessageContext.editorState.document.text
        conversationState.currentMessage.userInputMessage.userInputMessageContext.tools[].toolSpecification.description
        conversationState.history[].userInputMessage.content
        conversationState.history[].assistantResponseMessage.content
        conversationState.history[].assistantResponseMessage.toolUses[].input.x
    """,
    "cohere": """
        messages[].content[].document.data.x
        messages[].citations[].text
        documents[].data.x
        response_format.json_schema.x
        inputs[].content[].text = text
    """,
}
OPAQUE = {
    "anthropic": """
        messages[].content[].signature = compaction
        messages[].content[].caller.tool_id
        messages[].content[].content.content[].file_id
        messages[].content[].content.content.source.file_id = file
        messages[].content[].content[].citations[].encrypted_index
        container.skills[].skill_id
        fallback_credit_token
        fallback_credit_token.token
        thread.previous_message_id
        resources[].authorization_token = github_repository
        authorization_token
        events[].content[].source.file_id
        vault_ids[]
    """,
    "openai-chat": """
        data_sources[].parameters.authentication.key = azure_search
        data_sources[].parameters.authentication.connection_string = azure_cosmos_db
        data_sources[].parameters.embedding_dependency.authentication.api_key
        dataSources[].parameters.key = AzureCognitiveSearch
        providerOptions.gateway.byok.anthropic[].apiKey
        definition.tools[].headers.Authorization = mcp
        definition.tools[].authorization = mcp
        integrations[].headers.Authorization = ephemeral_mcp
        compound_custom.tools.wolfram_settings.authorization
        tools[].authorization.value = oauth2-token
        document.file_id
        input_reference.file_id
        messages[].content[].thinking[].text = text
    """,
    "openai-responses": """
        session.tools[].authorization = mcp
        session.tools[].headers.Authorization
        response.tools[].authorization = mcp
        tools[].authorization.value = api-key
        tools[].transport.authorization = mcp
        tools[].transport.headers.Authorization = mcp
        tools[].container.network_policy.domain_secrets[].value
        tools[].environment.network_policy.domain_secrets[].value
        input[].tools[].environment.network_policy.domain_secrets[].value
        input[].container_id = code_interpreter_call
        input[].caller.caller_id = program
        input[].content[].annotations[].file_id
        input[].pending_safety_checks[].id
        inputs[].id
        inputs[].tool_call_id
        inputs[].content[].thinking[].text = text
        entries[].content[].signature
        prompt.variables.x.file_id
        stream_id
    """,
    "openai-assistants": """
        thread.messages[].attachments[].file_id
        thread.tool_resources.file_search.vector_store_ids[]
        thread_id
        tool_resources.mcp[].headers.Authorization
        thread.tool_resources.mcp[].headers.Authorization
        tool_approvals[].headers.Authorization
    """,
    "gemini": """
        input[].id
        input[].call_id
        input[].signature
        input[].summary[].text = text
        input[].result[].widget_context_token
        tools[].headers.Authorization
        tools[].exa_ai_search_config.api_key
        tools[].exaAiSearch.apiKey
        tools[].parallelAiSearch.apiKey
        tools[].googleMaps.authConfig.apiKeyConfig.apiKeyString
        tools[].retrieval.externalApi.authConfig.apiKeyConfig.apiKeyString
        tools[].retrieval.externalApi.apiAuth.apiKeyConfig.apiKeyString
        setup.tools[].googleMaps.authConfig.apiKey
        tools[].mcpServers[].streamableHttpTransport.headers.Authorization
        environment.network.allowlist[].transform.Authorization
        environment.network.allowlist[].transform[].Authorization
        environment.network.allowlist[].credential
        environment.env.K.credential
        network.allowlist[].transform.Authorization
        base_environment.network.allowlist[].transform.Authorization
        interaction.environment.network.allowlist[].transform.Authorization
        interaction.tools[].headers.Authorization
        contents[].parts[].toolCall.id
        contents[].parts[].executableCode.id
        toolResponse.functionResponses[].id
        setup.sessionResumption.handle
    """,
    "bedrock": """
        modelInput.messages[].content[].signature
        modelInput.messages[].content[].reasoningContent.reasoningText.signature
        nextToken
        sessionId
    """,
    "amazon-q": """
        conversationState.conversationId
        conversationState.history[].assistantResponseMessage.toolUses[].toolUseId
        conversationState.history[].assistantResponseMessage.reasoningContent.reasoningText.signature
        profileArn
    """,
    "zed": """
        provider_request.messages[].content[].signature = thinking
        provider_request.messages[].content[].thinking = thinking
        provider_request.input[].encrypted_content = reasoning
        provider_request.contents[].parts[].thoughtSignature
    """,
    "ai-sdk": """
        prompt[].content[].text = reasoning
        prompt[].content[].toolCallId = tool-call
        prompt[].content[].providerOptions.anthropic.signature = reasoning
        prompt[].content[].providerOptions.openai.reasoningEncryptedContent = reasoning
        tools[].args.headers.Authorization = provider
        tools[].args.authorization = provider
        providerOptions.gateway.byok.anthropic[].apiKey
    """,
    "cloudflare": """
        request.headers.Authorization
    """,
    "generic": """
        providerOptions.gateway.byok.openai[].apiKey
        network_policy.domain_secrets[].value
        data_source.sampling_params.tools[].authorization = mcp
        data_source.sampling_params.tools[].headers.Authorization = mcp
    """,
}
# Behind the name of a dialect: the type of the event, unless it is an answer in one piece.
RESTORED = {
    "ai-sdk": """
        content[].text = text
        content[].input.command = tool-call
    """,
    "ai-sdk tool-call": """
        input
    """,
    "ai-sdk tool-result": """
        result.content
    """,
    "anthropic": """
        content[].content.stdout
        content[].citations[].cited_text
        content[].tool_changes[].tool.definition.description
        stop_details.explanation
    """,
    "anthropic content_block_start": """
        content_block.content.stdout
        content_block.content[].text
        content_block.input.id
    """,
    "anthropic agent.message": """
        content[].text
    """,
    "anthropic agent.tool_use": """
        input.command
    """,
    "openai-responses": """
        output[].result = program_output
        output[].operation.diff = apply_patch_call
        output[].action.commands[] = shell_call
        output[].input = custom_tool_call
        data[].content[].text = output_text
        outputs[].content[].text = text
        content[].text = output_text
    """,
    "openai-responses response.output_item.done": """
        item.result = program_output
        item.arguments = mcp_approval_request
    """,
    "openai-responses agent.session.requires_action": """
        session.required_actions[].arguments = function_call
        session.required_actions[].arguments.command = function_call
    """,
    "openai-responses agent.session.turn.item.done": """
        item.arguments.command = function_call
        item.output
    """,
    "openai-responses response.custom_tool_call_input.done": """
        input
    """,
    "openai-assistants thread.run.requires_action": """
        required_action.submit_tool_outputs.tool_calls[].function.arguments
    """,
    "gemini": """
        steps[].content[].text = text
        steps[].arguments.command = function_call
        outputs[].text = text
    """,
    "gemini step.start": """
        step.arguments.command = function_call
        step.content[].text = text
    """,
}
UNTOUCHED = {
    "ai-sdk reasoning-delta": """
        delta
    """,
    "ai-sdk": """
        content[].text = reasoning
    """,
    "anthropic": """
        content[].signature = compaction
        content[].content.encrypted_content = advisor_redacted_result
        content[].content.encrypted_stdout
        content[].content[].citations[].encrypted_index
    """,
    "anthropic content_block_start": """
        content_block.content.encrypted_content = advisor_redacted_result
        content_block.content.encrypted_stdout
        content_block.citations[].encrypted_index
        content_block.tool_use_id
    """,
    "openai-responses": """
        encrypted_content = reasoning
        data[].encrypted_content
        instructions[].encrypted_content
        outputs[].content[].thinking[].text = text
        outputs[].tool_call_id
    """,
    "openai-responses message.output.delta": """
        content.thinking[].text = text
        content.signature
    """,
    "openai-responses agent.session.turn.reasoning_summary_text.delta": """
        delta
    """,
    "openai-responses response.image_generation_call.partial_image": """
        partial_image_b64
    """,
    "openai-chat image_generation.completed": """
        b64_json
    """,
    "gemini": """
        steps[].signature
        steps[].summary[].text = text
    """,
    "gemini step.delta": """
        delta.content.text = text
        delta.signature
    """,
    "gemini step.start": """
        step.signature
        step.id
    """,
}
# A text in pieces, and the event that ends it.
PIECES = {
    "ai-sdk text-delta": "delta text-end",
    "anthropic event_delta": "delta.content.text agent.message",
    "openai-responses agent.session.turn.output_text.delta": "delta agent.session.turn.output_text.done",
    "openai-responses agent.output.command_execution_output.delta": "delta agent.session.turn.completed",
    "openai-responses session.output_transcript.delta": "delta session.closed",
    "openai-assistants thread.message.delta": "delta.content[].refusal thread.message.completed",
    "gemini step.delta": "delta.text step.stop",
    "gemini content.delta": "delta.text content.stop",
    "cohere tool-plan-delta": "delta.message.tool_plan message-end",
}
