// npm openai, unmodified, set up by OPENAI_BASE_URL and OPENAI_API_KEY alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { ask, hi, kinds, parameters, said, sunny } from './support.mjs'

const client = new OpenAI()
const tools = [{ type: 'function', function: { name: 'weather', description: 'of a city', parameters } }]

for (const kind of kinds) {
  test(`chat, plain, talk${kind}`, async () => {
    const answer = await client.chat.completions.create({ model: `talk${kind}`, messages: hi })
    assert.equal(answer.choices[0].message.content, said)
    assert.equal(answer.choices[0].finish_reason, 'stop')
    assert.equal(answer.usage.prompt_tokens, 10)
  })

  test(`chat, streamed, talk${kind}`, async () => {
    const stream = await client.chat.completions.create({ model: `talk${kind}`, messages: hi, stream: true, stream_options: { include_usage: true } })
    let text = ''
    let chunks = 0
    let usage
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? ''
      usage = chunk.usage ?? usage
      chunks++
    }
    assert.equal(text, said)
    assert.ok(chunks >= 5, `${chunks} chunks`)
    assert.equal(usage.completion_tokens, 5)
  })

  test(`a loop with tools, tools${kind}`, async () => {
    const cities = []
    const runner = client.chat.completions.runTools({
      model: `tools${kind}`,
      messages: ask,
      tools: [{
        type: 'function',
        function: {
          name: 'weather',
          description: 'of a city',
          parameters,
          parse: JSON.parse,
          function: ({ city }) => { cities.push(city); return 'sunny' }
        }
      }]
    })
    assert.equal(await runner.finalContent(), sunny)
    assert.deepEqual(cities, ['Paris'])
  })

  test(`a streamed call of a tool, tools${kind}`, async () => {
    const stream = client.chat.completions.stream({ model: `tools${kind}`, messages: ask, tools })
    const call = (await stream.finalMessage()).tool_calls[0]
    assert.equal(call.function.name, 'weather')
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' })
  })

  test(`responses, plain and with a tool, ${kind || 'native'}`, async () => {
    const plain = await client.responses.create({ model: `talk${kind}`, input: 'hi', instructions: 'be brief' })
    assert.equal(plain.output_text, said)
    assert.equal(plain.status, 'completed')
    assert.equal(plain.usage.input_tokens, 10)
    const input = [...ask]
    const first = await client.responses.create({ model: `tools${kind}`, input, tools: [{ type: 'function', name: 'weather', parameters, strict: false }] })
    const call = first.output.find(item => item.type === 'function_call')
    assert.deepEqual(JSON.parse(call.arguments), { city: 'Paris' })
    input.push(...first.output, { type: 'function_call_output', call_id: call.call_id, output: 'sunny' })
    const second = await client.responses.create({ model: `tools${kind}`, input })
    assert.equal(second.output_text, sunny)
  })

  test(`responses, streamed, ${kind || 'native'}`, async () => {
    const stream = await client.responses.create({ model: `talk${kind}`, input: 'hi', stream: true })
    let text = ''
    let last
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta
      last = event
    }
    assert.equal(text, said)
    assert.equal(last.type, 'response.completed')
    assert.equal(last.response.usage.output_tokens, 5)
  })
}

test('images go to every provider', async () => {
  for (const kind of kinds) {
    const content = [{ type: 'text', text: 'what is it?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }]
    const answer = await client.chat.completions.create({ model: `talk${kind}`, messages: [{ role: 'user', content }] })
    assert.equal(answer.choices[0].message.content, said)
  }
})

test('texts are embedded, also on a Gemini provider, and never on Anthropic', async () => {
  for (const model of ['talk', 'talk-openai', 'talk-gemini']) {
    const { data } = await client.embeddings.create({ model, input: ['one', 'two'], encoding_format: 'float' })
    assert.deepEqual(data.map(each => each.embedding), [[0.5, -1.25], [0.5, -1.25]])
  }
  // Unasked the SDK wants base64, and decodes it.
  assert.deepEqual((await client.embeddings.create({ model: 'talk-gemini', input: 'one' })).data[0].embedding, [0.5, -1.25])
  await assert.rejects(client.embeddings.create({ model: 'talk-anthropic', input: 'one' }), OpenAI.BadRequestError)
})

test('models are listed', async () => {
  const names = []
  for await (const model of client.models.list()) names.push(model.id)
  assert.ok(names.includes('talk') && names.includes('tools-gemini'), names.join())
  assert.equal((await client.models.retrieve('talk')).id, 'talk')
})

test('errors are those that the SDK knows', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'nowhere', messages: hi }), OpenAI.NotFoundError)
  await assert.rejects(new OpenAI({ apiKey: 'wrong' }).models.list(), OpenAI.AuthenticationError)
  await assert.rejects(client.chat.completions.create({ model: 'talk-anthropic', messages: hi, n: 2 }), OpenAI.BadRequestError)
})

test('a spent budget is a quota that is used up, and is not tried again', async t => {
  if (!process.env.TINYVM_POOR_KEY) return t.skip('needs a manager of its own')
  const poor = new OpenAI({ apiKey: process.env.TINYVM_POOR_KEY, maxRetries: 5 })
  await poor.chat.completions.create({ model: 'talk', messages: hi })
  const began = Date.now()
  await assert.rejects(poor.chat.completions.create({ model: 'talk', messages: hi }), error =>
    error instanceof OpenAI.RateLimitError && error.code === 'insufficient_quota')
  assert.ok(Date.now() - began < 5000)
})

test('a stream that is left behind harms nobody', async () => {
  const stream = await client.chat.completions.create({ model: 'talk', messages: hi, stream: true })
  for await (const _ of stream) break
  const answer = await client.chat.completions.create({ model: 'talk', messages: hi })
  assert.equal(answer.choices[0].message.content, said)
})
