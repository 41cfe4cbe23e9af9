/** Seeded requests that no client would send, as bytes: each an attack with a way to be written. */
import type { Random } from './random.ts'

export interface Attack {
  readonly kind: (typeof kinds)[number]
  /** Written one after the other, with a pause between. */
  readonly parts: readonly Buffer[]
  /**
   * What the writer does behind the last: waits for the other side to close, closes its own once
   * nothing more comes, or at once (what is under way is then forgotten), or closes both.
   */
  readonly end: 'wait' | 'quiet' | 'half' | 'all'
  /** How many answers there have to be; undefined: what was sent may be no HTTP. */
  readonly answers: number | undefined
  /** Whether the token was among what was sent. */
  readonly hasToken: boolean
  /** How many events may be stored of it at most, should nobody hear of that. */
  readonly events: number
}

const kinds = ['whole', 'pipelined', 'slow', 'cut', 'left', 'damaged', 'noise'] as const

interface Request {
  readonly bytes: Buffer
  readonly hasToken: boolean
  /** Nothing in it should keep an answer from coming. */
  readonly isClean: boolean
  readonly events: number
}

const gets = [
  '/',
  '/topology',
  '/metrics',
  '/livez',
  '/readyz',
  '/openapi.json',
  '/assets/page.css',
  '/assets/api.mjs',
  '/api/conversion',
  '/api/metrics',
  '/api/status',
  '/api/topology',
  '/api/stream',
  '/api/windows/visitors_5m',
  '/api/windows/revenue_24h',
  '/api/events',
] as const
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'] as const
const oddMethods = ['CONNECT', 'PRI', 'get', 'PROPFIND', 'G', '', 'GET GET', 'QUERY'] as const
const oddTexts = [
  '%',
  '%zz',
  '%00',
  '%2e%2e%2f',
  '../',
  '//',
  '\\..\\',
  '%C3%28',
  '%ff%fe',
  '*',
  ';a=b',
  '#',
  '?',
  '\u00ff\u0001',
  '{}',
  '__proto__',
  'constructor',
  ':80@evil',
  '%25%32%65',
  '\'"<script>',
] as const
const oddValues = [
  '0',
  '-1',
  '1e309',
  '9007199254740993',
  '8640000000000001',
  'NaN',
  '',
  '2026-02-30T00:00:00Z',
  '2026-11-22T17:05:00+99:99',
  '-271821-04-20T00:00:00Z',
  'mermaid',
  'toString',
  'null',
  '[]',
] as const

export function attack(random: Random, token: string): Attack {
  const kind = random.chance(0.4) ? 'whole' : random.pick(kinds)
  if (kind === 'noise') return noise(random)
  if (kind === 'pipelined') return pipelined(random, token)
  const request = makeRequest(random, token, true)
  const { bytes, hasToken, isClean, events } = request
  const answers = isClean ? 1 : undefined
  switch (kind) {
    case 'whole':
      return { kind, parts: [bytes], end: endOf(isClean), answers, hasToken, events }
    case 'slow':
      // An answer may go before all is written, and be lost with the connection.
      return {
        kind,
        parts: pieces(random, bytes),
        end: 'quiet',
        answers: undefined,
        hasToken,
        events,
      }
    case 'cut': {
      // Never whole: what it posts must not count.
      const part = bytes.subarray(0, random.below(bytes.length))
      const end = random.chance(0.5) ? 'half' : 'all'
      return { kind, parts: [part], end, answers: undefined, hasToken, events: 0 }
    }
    case 'left': {
      const { bytes: get } = makeRequest(random, token, true, 'GET')
      return { kind, parts: [get], end: 'all', answers: undefined, hasToken: true, events: 0 }
    }
    default: {
      const parts = [damaged(random, bytes)]
      return { kind, parts, end: 'quiet', answers: undefined, hasToken: true, events }
    }
  }
}

/** Whoever is clean asks to be hung up on. */
function endOf(isClean: boolean): 'wait' | 'quiet' {
  return isClean ? 'wait' : 'quiet'
}

function pipelined(random: Random, token: string): Attack {
  const count = 2 + random.below(6)
  const all = Array.from({ length: count }, (_, i) => makeRequest(random, token, i === count - 1))
  const answers = all.every(({ isClean }) => isClean) ? count : undefined
  const hasToken = all.some((one) => one.hasToken)
  const events = all.reduce((sum, one) => sum + one.events, 0)
  const bytes = Buffer.concat(all.map((one) => one.bytes))
  return {
    kind: 'pipelined',
    parts: [bytes],
    end: endOf(answers !== undefined),
    answers,
    hasToken,
    events,
  }
}

function noise(random: Random): Attack {
  const bytes = randomBytes(random, 1 + random.below(600))
  const isLine = random.chance(0.3)
  const part = isLine ? Buffer.concat([Buffer.from('GET / HTTP/1.1\r\n'), bytes]) : bytes
  return {
    kind: 'noise',
    parts: [part],
    end: 'half',
    answers: undefined,
    hasToken: false,
    events: 0,
  }
}

function makeRequest(random: Random, token: string, isLast: boolean, only?: 'GET'): Request {
  const isOddMethod = only === undefined && random.chance(0.03)
  const method = only ?? (isOddMethod ? random.pick(oddMethods) : pickMethod(random))
  const target = pickTarget(random, method)
  const headers = [...pickHeaders(random), `Host: ${random.chance(0.9) ? 'shop' : '127.0.0.1:1'}`]
  const isOddHead = random.chance(0.08)
  const odd = oddHeader(random)
  if (isOddHead) headers.push(odd)
  const hasToken = random.chance(0.8)
  if (hasToken) headers.push(`Authorization: Bearer ${token}`)
  else if (random.chance(0.7)) headers.push(`Authorization: ${wrongToken(random, token)}`)
  if (isLast) headers.push('Connection: close')
  const { body, isClean: isCleanBody, events } = pickBody(random, method, headers)
  const head = Buffer.from(
    `${method} ${target} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`,
    'latin1'
  )
  // A stream goes on for ever: nothing that is behind it is answered.
  const isStream = target.includes('/api/stream')
  // Nor is what is behind the wish for another protocol.
  const isOver = isStream || (!isLast && headers.includes('Upgrade: websocket'))
  const isClean = !isOddMethod && !isOddHead && isCleanBody && isPlain(target) && !isOver
  return { bytes: Buffer.concat([head, body]), hasToken, isClean, events }
}

function pickMethod(random: Random): string {
  return random.chance(0.55) ? 'GET' : random.chance(0.5) ? 'POST' : random.pick(methods)
}

function pickTarget(random: Random, method: string): string {
  if (method === 'POST' && random.chance(0.8)) return '/api/events'
  let path: string = random.pick(gets)
  if (random.chance(0.15)) path = `/api/windows/${random.pick(oddTexts)}`
  if (random.chance(0.25)) {
    const at = random.below(path.length + 1)
    path = `${path.slice(0, at)}${random.pick(oddTexts)}${path.slice(at)}`
  }
  if (random.chance(0.02)) path += 'a'.repeat(8_192)
  if (random.chance(0.02)) path = `http://${random.pick(['evil', 'a:b@c', '[::1'])}${path}`
  if (random.chance(0.01)) path = random.pick(['*', 'shop:80', '', '/ /'])
  return random.chance(0.4) ? `${path}?${query(random)}` : path
}

function query(random: Random): string {
  const names = ['from', 'to', 'limit', 'cursor', 'format', 'x'] as const
  const pairs = Array.from({ length: 1 + random.below(4) }, () => {
    const name = random.pick(names)
    const value = name === 'cursor' ? cursor(random) : random.pick(oddValues)
    return `${name}=${random.chance(0.8) ? encodeURIComponent(value) : random.pick(oddTexts)}`
  })
  return pairs.join('&')
}

/** Forged, some of them so that they look like those of the application. */
function cursor(random: Random): string {
  const from = random.pick<unknown>([0, -1, 1e300, 1.5, null, '0', 8.64e15])
  const fields = ['visitors_5m', from, random.pick<unknown>([null, 0, -1e300, {}])]
  const text = random.chance(0.8) ? JSON.stringify(fields) : '['.repeat(random.below(3_000))
  return Buffer.from(text).toString('base64url')
}

function pickHeaders(random: Random): string[] {
  const some: string[] = []
  if (random.chance(0.2)) some.push(`Accept: ${random.pick(['*/*', 'text/html', ',;q=x'])}`)
  if (random.chance(0.2)) some.push(`Accept-Encoding: ${random.pick(['gzip', 'br;q=2', '*'])}`)
  if (random.chance(0.2)) some.push(`If-None-Match: ${random.pick(['*', '"x"', 'W/"', ','])}`)
  if (random.chance(0.2)) {
    const ids = ['0', '-1', '999999999999999', '1e3', 'x'.repeat(2_000), '7'] as const
    some.push(`Last-Event-ID: ${random.pick(ids)}`)
  }
  if (random.chance(0.05)) some.push('Upgrade: websocket', 'Connection: Upgrade')
  if (random.chance(0.05)) some.push('Range: bytes=0-1,5-,-9', 'X-Forwarded-For: ::1')
  if (random.chance(0.05)) some.push(`X-Long: ${'x'.repeat(random.below(9_000))}`)
  if (random.chance(0.03)) for (let i = 0; i < 60; i++) some.push(`X-${i}: ${i}`)
  return some
}

/** After which anything may be answered. */
function oddHeader(random: Random): string {
  return random.pick([
    'Host: other',
    'Host: a b/c?',
    'Content-Length: 5',
    'Content-Length: -1',
    'Content-Length: 99999999999999999999',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, identity',
    'Expect: 100-continue',
    'Expect: the unexpected',
    'No colon',
    ': no name',
    ' folded: line',
    'Nul: \u0000',
    `X: ${'y'.repeat(20_000)}`,
    'Connection: keep-alive, Upgrade, HTTP2-Settings',
  ])
}

function wrongToken(random: Random, token: string): string {
  return random.pick([
    'Bearer',
    'Bearer ',
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `Basic ${token}`,
    `Bearer\u00a0${token}`,
    `Bearer ${'z'.repeat(4_000)}`,
    token,
  ])
}

interface Body {
  readonly body: Buffer
  readonly isClean: boolean
  readonly events: number
}

/** Adds the headers that say how it comes. */
function pickBody(random: Random, method: string, headers: string[]): Body {
  const none = method === 'POST' ? random.chance(0.05) : !random.chance(0.1)
  if (none) {
    if (method === 'POST') headers.push('Content-Length: 0')
    return { body: Buffer.alloc(0), isClean: true, events: 0 }
  }
  const types = ['application/json', 'application/x-ndjson'] as const
  const odd = [
    'text/plain',
    'application/json; charset=latin1',
    '',
    ';;;',
    'application/JSON ',
  ] as const
  headers.push(`Content-Type: ${random.chance(0.85) ? random.pick(types) : random.pick(odd)}`)
  if (random.chance(0.03)) headers.push('Content-Encoding: gzip')
  const { body, events } = content(random)
  if (random.chance(0.7)) {
    headers.push(`Content-Length: ${body.length}`)
    // Whoever hangs up on so much may take its answer along.
    return { body, isClean: body.length < 1_024 * 1_024, events }
  }
  headers.push('Transfer-Encoding: chunked')
  return { ...chunked(random, body), events }
}

function chunked(random: Random, body: Buffer): Omit<Body, 'events'> {
  const isBroken = random.chance(0.1)
  const parts: Buffer[] = []
  for (const piece of pieces(random, body)) {
    const size = isBroken
      ? random.pick(['-1', 'fffffffffffffffff', 'x', ''])
      : piece.length.toString(16)
    const extension = random.chance(0.1) ? `;name="${'v'.repeat(random.below(100))}"` : ''
    parts.push(Buffer.from(`${size}${extension}\r\n`), piece, Buffer.from('\r\n'))
  }
  const trailer = random.chance(0.1) ? 'Authorization: Bearer x\r\n' : ''
  parts.push(Buffer.from(`0\r\n${trailer}\r\n`))
  return { body: Buffer.concat(parts), isClean: !isBroken && body.length < 1_024 * 1_024 }
}

/** Events, things that are none, and what is no JSON at all. */
function content(random: Random): { readonly body: Buffer; readonly events: number } {
  if (random.chance(0.1)) return { body: randomBytes(random, random.below(2_000)), events: 0 }
  if (random.chance(0.002)) {
    return { body: Buffer.alloc(8 * 1_024 * 1_024 + random.below(9), ' '), events: 0 }
  }
  const items = Array.from({ length: random.below(8) }, () => item(random))
  const text = random.chance(0.5) ? items.join('\n') : `[${items.join()}]`
  return { body: Buffer.from(text), events: items.length }
}

function item(random: Random): string {
  if (random.chance(0.2)) {
    const odd = [
      'null',
      '5',
      '[]',
      '"x"',
      '{',
      '{"a":1e999}',
      '{"__proto__":{}}',
      '[[[[',
      '\ufeff{}',
    ]
    return odd[random.below(odd.length)] ?? ''
  }
  const timestamp = random.chance(0.9)
    ? Date.now() - random.below(3_600_000)
    : random.pick(oddValues)
  const sessionId = random.chance(0.9) ? `s${random.below(50)}` : null
  const eventType = random.chance(0.3) ? 'checkout_click' : random.pick(['a', 'pageView', '\ud800'])
  return JSON.stringify({ timestamp, sessionId, eventType, total_price: random.pick(oddValues) })
}

function damaged(random: Random, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  for (let i = 0; i <= random.below(4); i++) {
    changed[random.below(changed.length)] = random.below(256)
  }
  return changed
}

function pieces(random: Random, bytes: Buffer): Buffer[] {
  const parts: Buffer[] = []
  const most = Math.max(1, Math.ceil(bytes.length / 4))
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(most)
    parts.push(bytes.subarray(at, at + size))
    at += size
  }
  return parts
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}

/** Nothing that a parser of targets may refuse. */
function isPlain(target: string): boolean {
  return /^\/[\x21-\x7e]*$/.test(target) && !target.includes('#')
}
