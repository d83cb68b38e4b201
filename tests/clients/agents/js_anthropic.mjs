// The Anthropic SDK for JavaScript: streamed, with thinking that goes back as it came.
import { load, main, SYSTEM, TOOLS } from "./common.mjs";

const { default: Anthropic } = await load("@anthropic-ai/sdk");
const client = new Anthropic();
const tools = TOOLS.map(({ name, schema }) => ({ name, description: name, input_schema: schema }));

await main(
  (history, prompt) => history.push({ role: "user", content: prompt }),
  async (history) => {
    const stream = client.messages.stream({ model: "claude-opus-5-5", max_tokens: 4096, system: SYSTEM, tools, messages: history });
    const { content } = await stream.finalMessage();
    history.push({ role: "assistant", content });
    const text = content.filter((block) => block.type === "text").map((block) => block.text).join("");
    return [text, content.filter((block) => block.type === "tool_use").map((block) => [block.id, block.name, block.input])];
  },
  (history, results) =>
    history.push({
      role: "user",
      content: results.map(([id, , text]) => ({ type: "tool_result", tool_use_id: id, content: text })),
    }),
);
