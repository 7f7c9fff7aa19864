// What all tests share: the models under which each provider answers.
export const kinds = ['', '-openai', '-anthropic', '-gemini']
export const said = 'Hello from the script.'
export const sunny = 'It is sunny in Paris.'
export const hi = [{ role: 'user', content: 'hi' }]
export const ask = [{ role: 'user', content: 'How is the weather in Paris?' }]
export const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
