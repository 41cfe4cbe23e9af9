/**
 * Requests to the API of this server, with its token where it wants one, and its stream of events.
 * The browser's own EventSource cannot send a token, so the stream is read here.
 */

const tokenKey = 'api-token'
/** Longer than the server is ever silent: what sends nothing for so long is gone. */
const silenceMs = 40_000

/** The server wants a token, or another one. */
export class TokenNeeded extends Error {}

export function keepToken(token) {
  sessionStorage.setItem(tokenKey, token)
}

export async function getJson(path) {
  const response = await request(path, { signal: AbortSignal.timeout(20_000) })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return await response.json()
}

/** All rows of a metric with a window end from `from` on, and before `to` if there is one. */
export async function getRows(metric, from, to) {
  const rows = []
  const until = to === undefined ? '' : `&to=${Math.floor(to)}`
  let query = `from=${Math.max(0, Math.floor(from))}${until}`
  do {
    const page = await getJson(`api/windows/${metric}?${query}&limit=1000`)
    rows.push(...page.results)
    query = page.next && `cursor=${encodeURIComponent(page.next)}`
  } while (query)
  return rows
}

/**
 * Calls `on.event(name, data, id)` for each event, and `on.open()` once the stream stands. Resolves
 * when it has ended, however that came.
 */
export async function readStream(path, lastId, on) {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const headers = { accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) }
    const response = await request(path, { headers, signal: silence.signal })
    if (!response.ok) throw new Error(`${path}: ${response.status}`)
    on.open()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), silenceMs)
      const blocks = (text + value).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) dispatch(block, on)
    }
  } finally {
    clearTimeout(timer)
  }
}

function dispatch(block, on) {
  const fields = new Map()
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart())
  }
  const name = fields.get('event')
  if (name !== undefined) on.event(name, JSON.parse(fields.get('data')), fields.get('id'))
}

async function request(path, options) {
  const token = sessionStorage.getItem(tokenKey)
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) }
  const response = await fetch(path, { ...options, headers })
  if (response.status === 401) throw new TokenNeeded()
  return response
}
