// The module `tinyvm`: the host's own interface for scripts. Runs once, before the snapshot is taken.
(function (host) {
  'use strict';
  const env = () => globalThis.process.env;

  async function post(body, signal) {
    const base = env().OPENAI_BASE_URL;
    if (!base) {
      const error = new Error('this Tiny VM has no LLM: its variable OPENAI_BASE_URL is not set; give its descriptor a section `llm`, and its manager a provider');
      error.code = 'ENOSYS';
      throw error;
    }
    const model = body.model || env().OPENAI_MODEL;
    if (!model) throw new TypeError('say which model: llm(text, { model }) or the variable OPENAI_MODEL');
    const answer = await fetch(base.replace(/\/+$/, '') + '/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer ' + (env().OPENAI_API_KEY || 'none') },
      body: JSON.stringify({ ...body, model }),
      signal,
    });
    if (answer.ok) return answer;
    const text = await answer.text();
    let said;
    try { said = JSON.parse(text).error; } catch { said = undefined; }
    const error = new Error('the LLM gateway answers ' + answer.status + ': ' + ((said && said.message) || text.slice(0, 500) || answer.statusText));
    error.status = answer.status;
    error.code = (said && (said.code || said.type)) || 'HTTP_' + answer.status;
    throw error;
  }

  // One answer as text. @param prompt a text, or messages in OpenAI's form @param options fields of the request, and signal
  async function llm(prompt, { signal, ...options } = {}) {
    const messages = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
    const answer = await llm.chat({ ...options, messages }, { signal });
    const choice = answer.choices && answer.choices[0];
    if (!choice || !choice.message) throw new Error('the LLM answered without a choice');
    return choice.message.content ?? '';
  }
  // A chat completion in OpenAI's form; with `stream: true` an async iterator of its chunks.
  llm.chat = async function chat(body, { signal } = {}) {
    const answer = await post(body, signal);
    return body.stream ? chunks(answer) : answer.json();
  };
  async function* chunks(answer) {
    let rest = '';
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      rest += text;
      const lines = rest.split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith('data:')) continue;
        const data = line.slice(5).trim();
        if (data === '[DONE]') return;
        yield JSON.parse(data);
      }
    }
  }

  const absent = async () => {
    const error = new Error('messages between agents are not available: this version of TinyVM has no message bus');
    error.code = 'ENOSYS';
    throw error;
  };
  return {
    version: 1,
    log: (level, message) => host.log(['error', 'warn', 'info', 'debug'].indexOf(level), String(message)),
    now: () => host.now(),
    llm,
    messages: { send: absent, receive: absent },
  };
})
