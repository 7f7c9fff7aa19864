// npm @anthropic-ai/sdk, unmodified, set up by ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { ask, hi, kinds, parameters, said, sunny } from './support.mjs'

const client = new Anthropic()
const tools = [{ name: 'weather', description: 'of a city', input_schema: parameters }]

for (const kind of kinds) {
  test(`messages, plain, talk${kind}`, async () => {
    const answer = await client.messages.create({ model: `talk${kind}`, max_tokens: 50, messages: hi, system: 'be brief' })
    assert.equal(answer.content[0].text, said)
    assert.equal(answer.stop_reason, 'end_turn')
    assert.equal(answer.usage.output_tokens, 5)
  })

  test(`messages, streamed, talk${kind}`, async () => {
    let text = ''
    const stream = client.messages.stream({ model: `talk${kind}`, max_tokens: 50, messages: hi }).on('text', part => { text += part })
    const whole = await stream.finalMessage()
    assert.equal(text, said)
    assert.equal(whole.content[0].text, said)
    assert.equal(whole.usage.output_tokens, 5)
  })

  test(`a loop with tools, plain and streamed, tools${kind}`, async () => {
    const messages = [...ask]
    const first = await client.messages.stream({ model: `tools${kind}`, max_tokens: 50, messages, tools }).finalMessage()
    assert.equal(first.stop_reason, 'tool_use')
    const call = first.content.find(block => block.type === 'tool_use')
    assert.equal(call.name, 'weather')
    assert.deepEqual(call.input, { city: 'Paris' })
    messages.push({ role: 'assistant', content: first.content })
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'sunny' }] })
    const second = await client.messages.create({ model: `tools${kind}`, max_tokens: 50, messages, tools })
    assert.equal(second.content[0].text, sunny)
  })
}

test('tokens are counted, or estimated where nobody can count', async () => {
  assert.equal((await client.messages.countTokens({ model: 'talk', messages: hi })).input_tokens, 10)
  assert.equal((await client.messages.countTokens({ model: 'talk-gemini', messages: hi })).input_tokens, 10)
  const { data, response } = await client.messages.countTokens({ model: 'talk-openai', messages: hi }).withResponse()
  assert.equal(data.input_tokens, 4)
  assert.equal(response.headers.get('x-tinyvm-estimated'), 'true')
})

test('models are listed', async () => {
  const names = []
  for await (const model of client.models.list()) names.push(model.id)
  assert.ok(names.includes('talk'), names.join())
})

test('errors are those that the SDK knows', async () => {
  await assert.rejects(client.messages.create({ model: 'nowhere', max_tokens: 9, messages: hi }), Anthropic.NotFoundError)
  await assert.rejects(new Anthropic({ apiKey: 'wrong' }).models.list(), Anthropic.AuthenticationError)
})
