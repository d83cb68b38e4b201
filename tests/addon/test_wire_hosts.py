"""The host table: every host and endpoint is routed correctly, as the documentation says."""

from __future__ import annotations

from pathlib import Path

import pytest

from secretgate import hosts
from secretgate.cli.coverage import coverage, document
from secretgate.hosts import Hosts, TableError, Treatment
from secretgate.providers import DIALECTS
from secretgate_ca.names import subtrees

TABLE = Hosts(hosts.builtin())
DOCS = Path(__file__).parents[2] / "docs" / "coverage.md"

ROUTES = """
api.anthropic.com /v1/messages?beta=true anthropic content
api.anthropic.com /v1/messages/count_tokens anthropic content
api.anthropic.com /v1/messages/batches anthropic content
api.anthropic.com /v1/files anthropic content
api.anthropic.com /v1/skills anthropic content
api.anthropic.com /v1/sessions/s/events anthropic content
api.anthropic.com /v1/code/sessions/s/worker/events generic content
api.anthropic.com /v1/code/github/import-token - pass
api.openai.com /v1/alpha/search openai-responses content
chatgpt.com /backend-api/codex/alpha/search openai-responses content
api.anthropic.com /api/organizations/o/dust/generate_title_and_branch generic content
api.anthropic.com /api/frame/deploy/x generic content
api.anthropic.com /api/event_logging/v2/batch generic other
api.anthropic.com /v1/oauth/token - pass
api.anthropic.com /v1/vaults/v/credentials - pass
api.openai.com /v1/vaults/v/credentials - pass
api.anthropic.com /v1/threads anthropic content
api.anthropic.com /v1/models generic other
mcp-proxy.anthropic.com /v1/mcp mcp content
slack.mcp.claude.com /mcp mcp content
aws-external-anthropic.eu-west-1.api.aws /v1/messages anthropic content
aws-external-anthropic.eu-west-1.api.aws /v1/sessions/s/events anthropic content
aws-external-anthropic.eu-west-1.api.aws /v1/vaults - pass
claude.googleapis.com /v1/projects/p/locations/l/workspaces/w/invoke anthropic content
runtime.us-east-1.kiro.dev /generateAssistantResponse amazon-q content
q.us-east-1.amazonaws.com / amazon-q content
cli-chat-proxy.grok.com /v1/responses openai-responses content
api.openai.com /v1/responses openai-responses content
api.openai.com /v1/responses/compact openai-responses content
api.openai.com /v1/responses/input_tokens openai-responses content
api.openai.com /v1/conversations/c/items openai-responses content
api.openai.com /v1/realtime?model=m openai-responses content
api.openai.com /v1/chat/completions openai-chat content
api.openai.com /v1/completions openai-chat content
api.openai.com /v1/embeddings openai-chat content
api.openai.com /v1/moderations openai-chat content
api.openai.com /v1/files openai-chat content
api.openai.com /v1/uploads/u/parts openai-chat content
api.openai.com /v1/batches openai-chat content
api.openai.com /v1/images/edits openai-chat content
api.openai.com /v1/audio/transcriptions openai-chat content
api.openai.com /v1/threads/t/messages openai-assistants content
api.openai.com /v1/assistants openai-assistants content
jp.api.openai.com /v1/responses openai-responses content
eu.openrouter.ai /api/v1/chat/completions openai-chat content
api.openai.com /v1/agents/sessions/s/events openai-responses content
api.openai.com /v1/live/sessions openai-responses content
api.openai.com /v1/decisions openai-responses content
api.openai.com /v1/skills openai-chat content
api.openai.com /v1/traces/ingest generic content
api.openai.com /v1/models generic other
chatgpt.com /backend-api/codex/responses openai-responses content
chatgpt.com /backend-api/codex/responses/compact openai-responses content
chatgpt.com /backend-api/ps/mcp mcp content
chatgpt.com /backend-api/wham/tasks generic content
chatgpt.com /backend-api/wham/accounts/check generic other
generativelanguage.googleapis.com /v1beta/models/g:generateContent gemini content
generativelanguage.googleapis.com /v1beta/models/g:streamGenerateContent?alt=sse gemini content
generativelanguage.googleapis.com /v1beta/models/g:countTokens gemini content
generativelanguage.googleapis.com /v1beta/models/g:embedContent gemini content
generativelanguage.googleapis.com /v1beta/models/g:batchEmbedContents gemini content
generativelanguage.googleapis.com /v1beta/models/g:batchGenerateContent gemini content
generativelanguage.googleapis.com /v1beta/cachedContents gemini content
generativelanguage.googleapis.com /upload/v1beta/files gemini content
generativelanguage.googleapis.com /v1beta/interactions gemini content
generativelanguage.googleapis.com /v1beta/openai/chat/completions openai-chat content
generativelanguage.googleapis.com /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent gemini content
generativelanguage.googleapis.com /v1beta/agents gemini content
generativelanguage.googleapis.com /v1beta/credentials - pass
generativelanguage.googleapis.com /google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent protobuf content
aiplatform.googleapis.com /google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent protobuf content
cloudcode-pa.googleapis.com /v1internal:streamGenerateContent?alt=sse gemini content
cloudcode-pa.googleapis.com /v1internal:countTokens gemini content
cloudcode-pa.googleapis.com /v1internal:loadCodeAssist generic other
daily-cloudcode-pa.googleapis.com /v1internal:generateContent gemini content
us-east5-aiplatform.googleapis.com /v1/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict anthropic content
us-east5-aiplatform.googleapis.com /v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict anthropic content
aiplatform.googleapis.com /v1/projects/p/locations/global/publishers/google/models/g:generateContent gemini content
aiplatform.googleapis.com /v1/projects/p/locations/global/publishers/ai21/models/j:streamRawPredict openai-chat content
aiplatform.us-central1.rep.googleapis.com /v1/projects/p/locations/l/endpoints/openapi/chat/completions openai-chat content
aiplatform.googleapis.com /ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent gemini content
res.openai.azure.com /openai/deployments/d/chat/completions?api-version=1 openai-chat content
res.openai.azure.com /openai/v1/responses openai-responses content
res.openai.azure.com /openai/deployments/auth/chat/completions?api-version=1 openai-chat content
res.openai.azure.com /openai/v1/threads/t/messages openai-assistants content
res.services.ai.azure.com /api/projects/oauth/threads/t/runs openai-assistants content
res.cognitiveservices.azure.com /openai/deployments/d/embeddings openai-chat content
res.services.ai.azure.com /anthropic/v1/messages anthropic content
res.services.ai.azure.com /api/projects/p/agents/a/versions?api-version=1 openai-chat content
res.services.ai.azure.com /api/projects/p/memory_stores/m:update_memories generic content
res.services.ai.azure.com /api/projects/p/openai/v1/responses openai-responses content
res.services.ai.azure.com /api/projects/p/agents/a/endpoint/protocols/openai/responses openai-responses content
res.openai.azure.com /openai/v1/vector_stores/v/search generic content
res.openai.azure.com /openai/v1/containers/c/files/f/content generic content
res.openai.azure.com /openai/v1/evals/e/runs generic content
api.anthropic.com /v1/organizations/telemetry_destinations/d - pass
res.openai.azure.us /openai/deployments/d/chat/completions?api-version=1 openai-chat content
res.services.ai.azure.us /anthropic/v1/messages anthropic content
res.openai.azure.cn /openai/v1/responses openai-responses content
res.cognitiveservices.azure.cn /openai/deployments/d/embeddings openai-chat content
mine.eastus2.models.ai.azure.com /chat/completions openai-chat content
7.us-central1-1.prediction.vertexai.goog /v1/projects/p/locations/l/endpoints/7/chat/completions openai-chat content
7.us-central1-1.prediction.vertexai.goog /v1/projects/p/locations/l/endpoints/7:predict gemini content
bedrock-runtime.us-east-1.api.aws /model/m/converse-stream bedrock content
bedrock-runtime-fips.us-gov-west-1.api.aws /model/m/invoke bedrock content
bedrock-runtime.us-east-1.amazonaws.com /model/m/invoke bedrock content
bedrock-runtime.us-east-1.amazonaws.com /model/m/invoke-with-response-stream bedrock content
bedrock-runtime.eu-central-1.amazonaws.com /model/m/converse bedrock content
bedrock-runtime.eu-central-1.amazonaws.com /model/m/converse-stream bedrock content
bedrock-runtime-fips.us-east-1.amazonaws.com /model/m/count-tokens bedrock content
vpce-0a.bedrock-runtime.us-east-1.vpce.amazonaws.com /model/m/converse bedrock content
bedrock-runtime.us-west-2.amazonaws.com /openai/v1/chat/completions openai-chat content
bedrock-agent-runtime.us-east-1.amazonaws.com /sessions/s/invocationSteps/ bedrock content
bedrock-agent-runtime.us-east-1.amazonaws.com /optimize-prompt bedrock content
bedrock-mantle.us-east-1.api.aws /openai/v1/responses openai-responses content
bedrock-mantle.us-east-1.api.aws /anthropic/v1/messages anthropic content
api.githubcopilot.com /chat/completions openai-chat content
api.cline.bot /api/v1/chat/completions openai-chat content
api.cline.bot /v1/mcp mcp content
api.kilo.ai /api/gateway/chat/completions openai-chat content
api.kilo.ai /api/openrouter/responses openai-responses content
api.kilo.ai /api/fim/completions openai-chat content
ingest.kilosessions.ai /api/session generic content
api.continue.dev /model-proxy/v1/chat/completions openai-chat content
gateway.ai.cloudflare.com /v1/a/g/anthropic/v1/messages anthropic content
gateway.ai.cloudflare.com /v1/a/g/google-ai-studio/v1beta/models/g:generateContent gemini content
gateway.ai.cloudflare.com /v1/a/g/compat/chat/completions openai-chat content
gateway.ai.cloudflare.com /v1/a/g/workers-ai/@cf/meta/llama cloudflare content
gateway.ai.cloudflare.com /v1/a/g cloudflare content
models.github.ai /inference/chat/completions openai-chat content
api.kimi.ai /coding/v1/chat/completions openai-chat content
api.synthetic.new /openai/v1/chat/completions openai-chat content
api.xiaomimimo.com /anthropic/v1/messages anthropic content
inference.baseten.co /v1/chat/completions openai-chat content
api.individual.githubcopilot.com /responses openai-responses content
api.business.githubcopilot.com /v1/messages anthropic content
api.githubcopilot.com /mcp/ mcp content
proxy.individual.githubcopilot.com /v1/engines/gpt/completions openai-chat content
copilot-proxy.githubusercontent.com /v1/engines/gpt/completions openai-chat content
copilot-telemetry.githubusercontent.com /telemetry generic other
openrouter.ai /api/v1/chat/completions openai-chat content
openrouter.ai /api/v1/messages anthropic content
openrouter.ai /api/v1/auth/keys - pass
api.mistral.ai /v1/chat/completions openai-chat content
codestral.mistral.ai /v1/fim/completions openai-chat content
api.mistral.ai /v1/connectors/c/user/credentials - pass
api.mistral.ai /v1/libraries/l/documents generic content
api.mistral.ai /v1/chat/classifications openai-chat content
api.x.ai /v1/responses openai-responses content
api.x.ai /xai_api.Chat/GetCompletionChunk xai content
management-api.x.ai /collections.Collections/UpdateDocument xai content
management-api.x.ai /v1/collections/c/documents/d generic content
api.x.ai /oauth2/token - pass
api.deepseek.com /chat/completions openai-chat content
api.deepseek.com /anthropic/v1/messages anthropic content
api.deepseek.com /beta/completions openai-chat content
api.groq.com /openai/v1/chat/completions openai-chat content
api.together.xyz /v1/chat/completions openai-chat content
api.fireworks.ai /inference/v1/chat/completions openai-chat content
api.cerebras.ai /v1/chat/completions openai-chat content
api.perplexity.ai /chat/completions openai-chat content
api.sambanova.ai /v1/chat/completions openai-chat content
api.deepinfra.com /v1/openai/chat/completions openai-chat content
api.cohere.com /v2/chat cohere content
api.cohere.com /v1/chat cohere content
api.cohere.com /v2/rerank cohere content
api.moonshot.ai /v1/chat/completions openai-chat content
api.kimi.com /coding/v1/messages anthropic content
dashscope-intl.aliyuncs.com /compatible-mode/v1/chat/completions openai-chat content
dashscope.aliyuncs.com /api/v1/services/aigc/text-generation/generation dashscope content
chat.qwen.ai /api/v1/oauth2/token - pass
api.z.ai /api/paas/v4/chat/completions openai-chat content
api.z.ai /api/anthropic/v1/messages anthropic content
api.minimax.io /anthropic/v1/messages anthropic content
router.huggingface.co /v1/chat/completions openai-chat content
x1.us-east-1.aws.endpoints.huggingface.cloud /v1/chat/completions openai-chat content
x1.us-east-1.aws.endpoints.huggingface.cloud / generic content
integrate.api.nvidia.com /v1/chat/completions openai-chat content
ai-gateway.vercel.sh /v1/chat/completions openai-chat content
ai-gateway.vercel.sh /v1/responses openai-responses content
ai-gateway.vercel.sh /v3/ai/language-model ai-sdk content
ai-gateway.vercel.sh /v1/ai/embedding-model ai-sdk content
opencode.ai /zen/v1/messages anthropic content
opencode.ai /zen/go/v1/chat/completions openai-chat content
ollama.com /api/chat ollama content
ollama.com /api/generate ollama content
ollama.com /v1/chat/completions openai-chat content
llm.zed.dev /completions zed content
api.jetbrains.ai /user/v5/llm/chat/stream/v8 generic content
agentn.global.api5.cursor.sh /agent.v1.AgentService/Run protobuf content
api2.cursor.sh /aiserver.v1.AuthService/GetEmail - pass
api2.cursor.sh /oauth/token - pass
us-only.gcpp.cursor.sh /aiserver.v1.FileSyncService/FSUploadFile protobuf content
server.codeium.com /exa.api_server_pb.ApiServerService/GetChatMessage windsurf content
eu.windsurf.com /_route/api_server/exa.api_server_pb.ApiServerService/GetChatMessage windsurf content
eu.windsurf.com /_route/api_server/exa.auth_pb.AuthService/GetUserJwt - pass
daily-cloudcode-pa.sandbox.googleapis.com /v1internal:streamGenerateContent gemini content
ampcode.com /api/thread-actors generic content
""".strip().splitlines()


@pytest.mark.parametrize("line", ROUTES)
def test_an_endpoint_goes_where_it_must(line: str) -> None:
    host, path, dialect, treatment = line.split()
    route = TABLE.route([host], path)
    assert route is not None
    assert route.treatment is Treatment(treatment)
    assert dialect in (route.dialect.name, "-")


@pytest.mark.parametrize(
    "host",
    ["platform.claude.com", "auth.openai.com", "oauth2.googleapis.com", "storage.googleapis.com", "s3.us-east-1.amazonaws.com", "api.github.com", "github.com", "example.org", "evil-api.openai.com", "api.openai.com.evil.org"],
)  # fmt: skip
def test_everybody_else_is_tunnelled(host: str) -> None:
    assert not TABLE.covers(host)
    assert TABLE.route([host], "/v1/messages") is None


def test_the_ca_can_express_every_host_and_every_path_has_a_dialect() -> None:
    for host in hosts.ca_domains():
        assert subtrees(host)
    for row in hosts.builtin():
        assert row.title
        assert row.clients
        assert row.paths


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_host_of_the_users_speaks_its_dialect_on_every_path(dialect: str) -> None:
    table = Hosts([hosts.added("models.example.org", "", dialect)])
    route = table.route(["models.example.org"], "/whatever")
    assert route is not None
    assert route.dialect.name == dialect
    assert route.treatment is Treatment.CONTENT
    if dialect in ("openai-chat", "ollama", "anthropic", "openai-responses"):
        for path, name in (("/v1/chat/completions", "openai-chat"), ("/v1/messages", "anthropic")):
            route = table.route(["models.example.org"], path)
            assert route is not None
            assert route.dialect.name == name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_host_of_the_users_gets_its_tokens(dialect: str) -> None:
    table = Hosts([hosts.added("mcp.example.org", "", dialect)])
    for path in ("/token", "/oauth/token", "/v1/oauth2/token", "/oauth/revoke"):
        route = table.route(["mcp.example.org"], path)
        assert route is not None
        assert route.treatment is Treatment.PASS
    for path in ("/tokens", "/token/mcp", "/v1/messages", "/v1/../token/mcp"):
        route = table.route(["mcp.example.org"], path)
        assert route is not None
        assert route.treatment is Treatment.CONTENT


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(TableError):
        hosts.added("https://models.example.org/v1", "", "openai-chat")


def test_the_documentation_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """If this fails: secretgate coverage > docs/coverage.md"""
    coverage()
    assert capsys.readouterr().out == document() == DOCS.read_text("utf-8")


def test_the_documentation_names_every_host_and_every_limit() -> None:
    text = document()
    for host in hosts.ca_domains():
        assert f"`{host}`" in text
    states = {limit.state for limit in hosts.limits()}
    assert states == {"refused", "not seen", "covered in part"}
    assert document("cursor").count("## ") == 2


@pytest.mark.parametrize("odd", ["\r\n", "\n", " ", "\x00", "\x7f"])
def test_a_path_with_a_break_in_it_is_never_left_alone(odd: str) -> None:
    table = Hosts(hosts.builtin())
    plain = table.route(["api.anthropic.com"], "/v1/oauth/token")
    assert plain is not None
    assert plain.treatment is Treatment.PASS
    route = table.route(["api.anthropic.com"], f"/v1/oauth/token{odd}POST /v1/messages")
    assert route is not None
    assert route.treatment is Treatment.CONTENT
