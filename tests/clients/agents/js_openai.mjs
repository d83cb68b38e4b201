// The OpenAI SDK for JavaScript: Chat Completions, streamed.
import { load, main, SYSTEM, TOOLS } from "./common.mjs";

const { default: OpenAI } = await load("openai");
const client = new OpenAI();
const tools = TOOLS.map(({ name, schema }) => ({ type: "function", function: { name, description: name, parameters: schema } }));

await main(
  (history, prompt) => history.push({ role: "user", content: prompt }),
  async (history) => {
    const messages = [{ role: "system", content: SYSTEM }, ...history];
    const stream = client.chat.completions.stream({ model: "gpt-4o", tools, messages });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    const { role, content, tool_calls } = message;
    history.push({ role, content, ...(tool_calls?.length ? { tool_calls: tool_calls.map(({ id, type, function: f }) => ({ id, type, function: { name: f.name, arguments: f.arguments } })) } : {}) });
    return [content ?? "", (tool_calls ?? []).map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)])];
  },
  (history, results) => history.push(...results.map(([id, , text]) => ({ role: "tool", tool_call_id: id, content: text }))),
);
