// The smallest agent: npm openai, a conversation of as many turns as the argument says. Base URL and key come from the Tiny VM's environment.
import OpenAI from "openai";

const client = new OpenAI();
const messages = [{ role: "user", content: "Begin." }];
for (let turn = 0; turn < Number(process.argv[2] ?? 6); turn++) {
  const answer = await client.chat.completions.create({ model: process.env.MODEL ?? "any", messages });
  const text = answer.choices[0].message.content;
  messages.push({ role: "assistant", content: text }, { role: "user", content: "Go on." });
  console.log(text);
}
