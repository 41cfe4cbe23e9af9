/**
 * Requests to the API of this server, with its token where it wants one, and its stream of events.
 * The browser's own EventSource cannot send a token, so the stream is read here.
 */

const tokenKey = 'api-token'

/** The server wants a token, or another one. */
export class TokenNeeded extends Error {}

export function keepToken(token) {
  sessionStorage.setItem(tokenKey, token)
}

export async function getJson(path) {
  const response = await request(path, {})
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return await response.json()
}

/**
 * Calls `on.event(name, data)` for each event. Resolves when the stream has ended, however that
 * came; `on.open()` is called once it stands.
 */
export async function readStream(path, on) {
  const response = await request(path, { headers: { accept: 'text/event-stream' } })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  on.open()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (text + value).split('\n\n')
    text = blocks.pop()
    for (const block of blocks) dispatch(block, on)
  }
}

function dispatch(block, on) {
  const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2)))
  if (fields.has('event')) on.event(fields.get('event'), JSON.parse(fields.get('data')))
}

async function request(path, options) {
  const token = sessionStorage.getItem(tokenKey)
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) }
  const response = await fetch(path, { ...options, headers })
  if (response.status === 401) throw new TokenNeeded()
  return response
}
