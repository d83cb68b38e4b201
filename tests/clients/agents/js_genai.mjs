// Google's SDK for JavaScript: streamed, thought signatures go back as they came.
import { load, main, SYSTEM, TOOLS } from "./common.mjs";

const { GoogleGenAI } = await load("@google/genai");
const client = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
const functionDeclarations = TOOLS.map(({ name, schema }) => ({ name, description: name, parametersJsonSchema: schema }));

await main(
  (history, prompt) => history.push({ role: "user", parts: [{ text: prompt }] }),
  async (history) => {
    const parts = [];
    const stream = await client.models.generateContentStream({
      model: "gemini-2.5-flash",
      contents: history,
      config: { systemInstruction: SYSTEM, tools: [{ functionDeclarations }] },
    });
    for await (const chunk of stream) {
      for (const part of chunk.candidates[0].content.parts ?? []) {
        const last = parts.at(-1);
        if (part.text && last?.text && last.thought === part.thought) last.text += part.text;
        else if (part.text || part.functionCall) parts.push({ ...part });
      }
    }
    history.push({ role: "model", parts });
    const text = parts.filter((part) => part.text && !part.thought).map((part) => part.text).join("");
    return [text, parts.filter((part) => part.functionCall).map(({ functionCall: call }) => [call.id, call.name, call.args])];
  },
  (history, results) =>
    history.push({ role: "user", parts: results.map(([, name, text]) => ({ functionResponse: { name, response: { output: text } } })) }),
);
