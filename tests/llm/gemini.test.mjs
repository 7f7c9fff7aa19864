// npm @google/genai, unmodified, set up by GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GoogleGenAI } from '@google/genai'
import { kinds, parameters, said, sunny } from './support.mjs'

const client = new GoogleGenAI({})
const tools = [{ functionDeclarations: [{ name: 'weather', description: 'of a city', parametersJsonSchema: parameters }] }]

for (const kind of kinds) {
  test(`generateContent, plain, talk${kind}`, async () => {
    const answer = await client.models.generateContent({ model: `talk${kind}`, contents: 'hi', config: { systemInstruction: 'be brief', maxOutputTokens: 50 } })
    assert.equal(answer.text, said)
    assert.equal(answer.candidates[0].finishReason, 'STOP')
    assert.equal(answer.usageMetadata.promptTokenCount, 10)
  })

  test(`generateContent, streamed, talk${kind}`, async () => {
    let text = ''
    let parts = 0
    for await (const part of await client.models.generateContentStream({ model: `talk${kind}`, contents: 'hi' })) {
      text += part.text ?? ''
      parts++
    }
    assert.equal(text, said)
    assert.ok(parts > 1, `${parts} parts`)
  })

  test(`a chat with tools, streamed and plain, tools${kind}`, async () => {
    const chat = client.chats.create({ model: `tools${kind}`, config: { tools } })
    let call
    for await (const part of await chat.sendMessageStream({ message: 'How is the weather in Paris?' })) call ??= part.functionCalls?.[0]
    assert.equal(call.name, 'weather')
    assert.deepEqual(call.args, { city: 'Paris' })
    const second = await chat.sendMessage({ message: [{ functionResponse: { id: call.id, name: call.name, response: { result: 'sunny' } } }] })
    assert.equal(second.text, sunny)
  })

  test(`tokens are counted, asked or estimated, talk${kind}`, async () => {
    const { totalTokens } = await client.models.countTokens({ model: `talk${kind}`, contents: 'hi' })
    assert.equal(totalTokens, kind === '-openai' ? 4 : 10)
  })
}

test('texts are embedded, also on an OpenAI provider, and never on Anthropic', async () => {
  for (const model of ['talk', 'talk-openai', 'talk-gemini']) {
    const { embeddings } = await client.models.embedContent({ model, contents: ['one', 'two'] })
    assert.deepEqual(embeddings.map(each => each.values), [[0.5, -1.25], [0.5, -1.25]])
  }
  await assert.rejects(client.models.embedContent({ model: 'talk-anthropic', contents: ['one'] }), /nothing like embeddings/)
})

test('models are listed', async () => {
  const names = []
  for await (const model of await client.models.list()) names.push(model.name)
  assert.ok(names.includes('models/talk'), names.join())
})

test('errors are those that the SDK knows', async () => {
  await assert.rejects(client.models.generateContent({ model: 'nowhere', contents: 'hi' }), error => error.status === 404)
})
