// npm ai with its providers for OpenAI and Anthropic, unmodified. Those read ANTHROPIC_BASE_URL with /v1 at its end, unlike Anthropic's own SDK: so it is given here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import { openai } from '@ai-sdk/openai'
import { generateText, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'
import { kinds, said, sunny } from './support.mjs'

const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` })
const dialects = { chat: name => openai.chat(name), responses: name => openai.responses(name), messages: name => anthropic(name) }

for (const [dialect, model] of Object.entries(dialects)) {
  for (const kind of kinds) {
    test(`${dialect}, plain and streamed, talk${kind}`, async () => {
      const { text, usage } = await generateText({ model: model(`talk${kind}`), prompt: 'hi' })
      assert.equal(text, said)
      assert.equal(usage.outputTokens, 5)
      let streamed = ''
      for await (const part of streamText({ model: model(`talk${kind}`), prompt: 'hi' }).textStream) streamed += part
      assert.equal(streamed, said)
    })

    test(`${dialect}, an agent with a tool, tools${kind}`, async () => {
      const cities = []
      const weather = tool({
        description: 'of a city',
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => { cities.push(city); return 'sunny' }
      })
      const options = { prompt: 'How is the weather in Paris?', tools: { weather }, stopWhen: stepCountIs(3) }
      const { text } = await generateText({ model: model(`tools${kind}`), ...options })
      assert.equal(text, sunny)
      const streamed = streamText({ model: model(`tools${kind}`), ...options })
      assert.equal((await streamed.text), sunny)
      assert.deepEqual(cities, ['Paris', 'Paris'])
    })
  }
}
