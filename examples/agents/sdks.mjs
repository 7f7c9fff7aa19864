// Four stock SDKs, each with a streamed answer and a tool, inside a Tiny VM. No base URL and no key stands here: the Tiny VM's environment has them.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { openai } from "@ai-sdk/openai";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";

const MODEL = process.env.MODEL ?? "any";
const QUESTION = "How warm is it in Oslo?";
const PARAMETERS = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const DESCRIPTION = "The temperature of a city in degrees Celsius";
const weather = ({ city }) => `${city}: 21`;

async function withOpenAi() {
  const client = new OpenAI();
  const tools = [{ type: "function", function: { name: "weather", description: DESCRIPTION, parameters: PARAMETERS } }];
  const messages = [{ role: "user", content: QUESTION }];
  for (;;) {
    const stream = client.chat.completions.stream({ model: MODEL, messages, tools });
    let parts = 0;
    for await (const _ of stream) parts++;
    const message = (await stream.finalChatCompletion()).choices[0].message;
    messages.push(message);
    if (!message.tool_calls?.length) return { parts, text: message.content };
    for (const call of message.tool_calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: weather(JSON.parse(call.function.arguments)) });
    }
  }
}

async function withAnthropic() {
  const client = new Anthropic();
  const tools = [{ name: "weather", description: DESCRIPTION, input_schema: PARAMETERS }];
  const messages = [{ role: "user", content: QUESTION }];
  for (;;) {
    const stream = client.messages.stream({ model: MODEL, max_tokens: 100, messages, tools });
    let parts = 0;
    for await (const _ of stream) parts++;
    const message = await stream.finalMessage();
    messages.push({ role: "assistant", content: message.content });
    const calls = message.content.filter((block) => block.type === "tool_use");
    if (calls.length === 0) return { parts, text: message.content.map((block) => block.text).join("") };
    const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: weather(call.input) }));
    messages.push({ role: "user", content: results });
  }
}

async function withGemini() {
  const client = new GoogleGenAI({});
  const config = { tools: [{ functionDeclarations: [{ name: "weather", description: DESCRIPTION, parametersJsonSchema: PARAMETERS }] }] };
  const contents = [{ role: "user", parts: [{ text: QUESTION }] }];
  for (;;) {
    let parts = 0, text = "";
    const calls = [];
    for await (const chunk of await client.models.generateContentStream({ model: MODEL, contents, config })) {
      parts++;
      for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
        if (part.functionCall) calls.push(part.functionCall);
        else text += part.text ?? "";
      }
    }
    if (calls.length === 0) return { parts, text };
    contents.push({ role: "model", parts: calls.map((functionCall) => ({ functionCall })) });
    contents.push({
      role: "user",
      parts: calls.map((call) => ({ functionResponse: { name: call.name, response: { result: weather(call.args) } } })),
    });
  }
}

async function withAi() {
  const result = streamText({
    model: openai.chat(MODEL),
    prompt: QUESTION,
    tools: { weather: tool({ description: DESCRIPTION, inputSchema: jsonSchema(PARAMETERS), execute: async (input) => weather(input) }) },
    stopWhen: stepCountIs(5),
  });
  let parts = 0;
  for await (const _ of result.fullStream) parts++;
  return { parts, text: await result.text };
}

for (const [name, run] of Object.entries({ openai: withOpenAi, anthropic: withAnthropic, gemini: withGemini, ai: withAi })) {
  try {
    console.log(JSON.stringify({ sdk: name, ...(await run()) }));
  } catch (error) {
    console.log(JSON.stringify({ sdk: name, error: String(error) }));
    process.exitCode = 1;
  }
}
