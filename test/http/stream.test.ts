import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpApp, type HttpApp } from '../../src/http/app.ts'
import { listen } from '../../src/http/server.ts'
import { silentLogger } from '../../src/log.ts'
import { FakeApplication } from '../support/http-ports.ts'
import { metricRow } from '../support/metric-rows.ts'

const noon = Date.UTC(2026, 10, 22, 12)
let shop: FakeApplication
let http: HttpApp

beforeEach(() => {
  shop = new FakeApplication()
  http = createHttpApp(shop.ports(), { statusMs: 5, pingMs: 20 })
})

afterEach(() => http.streams.close())

interface Opening {
  /** Without it, the application answers without a port. */
  readonly url?: string
  readonly id?: string
  readonly app?: HttpApp['app']
}

/** What has come over the wire so far. */
class Wire {
  text = ''
  ended = false
  readonly #abort = new AbortController()
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined

  async open({ url, id, app = http.app }: Opening = {}): Promise<void> {
    const { signal } = this.#abort
    const init = { signal, headers: id === undefined ? {} : { 'last-event-id': id } }
    const response = await (url === undefined
      ? app.request('/api/stream', init)
      : fetch(`${url}/api/stream`, init))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('cache-control')).toContain('no-store')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    void this.#read(response)
  }

  /** The ends of the windows of the rows so far. */
  get ends(): readonly number[] {
    return [...this.text.matchAll(/"windowEnd":(\d+)/g)].map(([, end]) => Number(end))
  }

  get lastId(): string {
    return (
      this.text
        .match(/^id: (\d+)$/gm)
        ?.at(-1)
        ?.slice(4) ?? ''
    )
  }

  abort(): void {
    // One for the network, one for an answer that has none under it.
    this.#abort.abort()
    void this.#reader?.cancel().catch(() => {})
  }

  async has(part: string, times = 1): Promise<void> {
    await until(() => this.text.split(part).length > times, part)
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    this.#reader = response.body?.getReader()
    try {
      for (;;) {
        const { done, value } = (await this.#reader?.read()) ?? { done: true }
        if (done) break
        this.text += decoder.decode(value)
      }
    } catch {
      // The test has cut it.
    }
    this.ended = true
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await sleep(2)
  expect(condition(), what).toBe(true)
}

describe('GET /api/stream', () => {
  it('tells the state at once, and when it changes', async () => {
    const wire = new Wire()
    await wire.open()
    await wire.has('retry: 3000\n\n')
    await wire.has('event: status\ndata: {"state":"stale","reasons":[],')
    shop.reasons = ['The broker does not answer.']
    await wire.has('"state":"unavailable"')
    shop.caughtUp = false
    await wire.has('"state":"restoring"')
  })

  it('passes on new rows', async () => {
    const wire = new Wire()
    await wire.open()
    await wire.has('event: status')
    const row = metricRow('visitors_5m', noon)
    shop.put(row)
    await wire.has(`id: 1\nevent: row\ndata: ${JSON.stringify(row)}\n\n`)
  })

  it('is never silent for long', async () => {
    const wire = new Wire()
    await wire.open()
    await wire.has(': ping\n\n', 2)
  })

  it('starts nothing for HEAD', async () => {
    const response = await http.app.request('/api/stream', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(http.streams.clients).toBe(0)
  })

  it('forgets a client that goes away', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const wire = new Wire()
    await wire.open({ url: server.url })
    await wire.has('event: status')
    expect([http.streams.clients, shop.listeners.size]).toEqual([1, 1])
    wire.abort()
    await until(() => http.streams.clients === 0 && shop.listeners.size === 0, 'gone')
    await server.close()
  })

  it('ends when the server closes', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const wire = new Wire()
    await wire.open({ url: server.url })
    await wire.has('event: status')
    await server.close()
    await until(() => wire.ended, 'ended')
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow()
    expect((await http.app.request('/api/stream')).status).toBe(503)
  })

  it('goes on behind the row that a client had last, at any instance', async () => {
    const [first, second] = [new Wire(), new Wire()]
    await first.open()
    await first.has('event: status')
    for (let i = 0; i < 5; i++) shop.put(metricRow('visitors_5m', noon + i))
    await first.has('event: row', 5)
    first.abort()
    for (let i = 5; i < 500; i++) shop.put(metricRow('visitors_5m', noon + i))
    const other = createHttpApp(shop.ports(), { statusMs: 5 })
    await second.open({ id: first.lastId, app: other.app })
    await second.has('event: row', 495)
    shop.put(metricRow('visitors_5m', noon + 500))
    await second.has('event: row', 496)
    const all = Array.from({ length: 501 }, (_, i) => noon + i)
    expect([...first.ends, ...second.ends]).toEqual(all)
    expect(second.text).not.toContain('reset')
    other.streams.close()
  })

  it('loses no row between a first status and a second connection', async () => {
    shop.put(metricRow('visitors_5m', noon))
    const [first, second] = [new Wire(), new Wire()]
    await first.open()
    await first.has('event: status')
    first.abort()
    shop.put(metricRow('visitors_5m', noon + 1))
    await second.open({ id: first.lastId })
    await second.has('event: row')
    expect([first.lastId, second.ends]).toEqual(['1', [noon + 1]])
  })

  it('waits until it has read as far as a client, and sends each row once', async () => {
    for (let i = 0; i < 3; i++) shop.put(metricRow('visitors_5m', noon + i))
    shop.caughtUp = false
    const wire = new Wire()
    await wire.open({ id: '5' })
    await wire.has('"state":"restoring"')
    shop.put(metricRow('visitors_5m', noon + 3))
    shop.caughtUp = true
    await wire.has('"state":"stale"')
    for (let i = 4; i < 7; i++) shop.put(metricRow('visitors_5m', noon + i))
    await wire.has('event: row', 2)
    expect(wire.ends).toEqual([noon + 5, noon + 6])
    expect(wire.lastId).toBe('7')
  })

  it('sends all it has to a client whose id no topic reaches', async () => {
    const patient = createHttpApp(shop.ports(), { statusMs: 5, resumeMs: 20 })
    for (let i = 0; i < 3; i++) shop.put(metricRow('visitors_5m', noon + i))
    const wire = new Wire()
    await wire.open({ id: '1000', app: patient.app })
    await wire.has('event: row', 3)
    expect(wire.text).toContain('id: 0\nevent: reset\ndata: {}\n\n')
    expect([wire.ends, wire.lastId]).toEqual([[noon, noon + 1, noon + 2], '3'])
    patient.streams.close()
  })

  it('takes an id that it has not given for none', async () => {
    shop.put(metricRow('visitors_5m', noon))
    const wire = new Wire()
    await wire.open({ id: 'x; rm' })
    await wire.has('id: 1\nevent: status')
    expect(wire.ends).toEqual([])
  })

  it('has room for so many clients, and tells the next one when to come again', async () => {
    const small = createHttpApp(shop.ports(), { clientsMax: 2 })
    const wires = [new Wire(), new Wire()]
    for (const wire of wires) await wire.open({ app: small.app })
    const refused = await small.app.request('/api/stream')
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    wires[0]?.abort()
    await until(() => small.streams.clients === 1, 'room')
    await new Wire().open({ app: small.app })
    small.streams.close()
  })

  it('cuts the connection of a client that reads nothing, and serves the others', async () => {
    const slow = createHttpApp(shop.ports(), { statusMs: 5, stallMs: 1_000 })
    const server = await listen(slow, '127.0.0.1', 0)
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.write('GET /api/stream HTTP/1.1\r\nhost: x\r\nlast-event-id: 0\r\n\r\n')
    socket.pause()
    const closed = once(socket, 'close')
    const reading = new Wire()
    await until(() => slow.streams.clients === 1, 'the slow one')
    await reading.open({ url: server.url })
    // More than sockets take in by themselves.
    const amount = '1'.repeat(100_000)
    for (let i = 0; i < 200; i++) shop.put(metricRow('revenue_24h', noon + i, { amount }))
    await until(() => reading.text.length > 20_000_000, 'all rows')
    await until(() => slow.streams.clients === 1, 'cut')
    expect(reading.ended).toBe(false)
    socket.on('error', () => {}).resume()
    await closed
    await server.close()
  })

  it('ends within the bound beside a client that reads nothing', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.write('GET /api/stream HTTP/1.1\r\nhost: x\r\n\r\n')
    socket.on('error', () => {}).pause()
    await until(() => http.streams.clients === 1, 'open')
    const amount = '1'.repeat(100_000)
    for (let i = 0; i < 200; i++) shop.put(metricRow('revenue_24h', noon + i, { amount }))
    await server.close(50)
    expect(http.streams.clients).toBe(0)
    socket.destroy()
  })

  it('ends, and tells the log alone, when it fails', async () => {
    let fails = false
    const logged: string[] = []
    const lastEventAt = (): null => {
      if (fails) throw new Error('open sesame')
      return null
    }
    const logger = { ...silentLogger, error: (message: string) => logged.push(message) }
    const failing = createHttpApp(shop.ports({ lastEventAt, logger }), { statusMs: 5 })
    const server = await listen(failing, '127.0.0.1', 0)
    const wire = new Wire()
    await wire.open({ url: server.url })
    await wire.has('event: status')
    fails = true
    await until(() => wire.ended, 'ended')
    expect(wire.text).not.toContain('sesame')
    expect(logged).toEqual(['A stream has failed'])
    expect(failing.streams.clients).toBe(0)
    await server.close()
  })

  it('cuts off a client that does not keep up', async () => {
    const response = await http.app.request('/api/stream')
    expect(response.status).toBe(200)
    for (let i = 0; i < 3_000; i++) shop.put(metricRow('visitors_5m', noon + i))
    await until(() => http.streams.clients === 0 && shop.listeners.size === 0, 'cut off')
    await response.body?.cancel()
  })
})

describe('the server', () => {
  it('says so when its port is taken, or its address is not of this machine', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const port = Number(new URL(server.url).port)
    const taken = listen(createHttpApp(shop.ports()), '127.0.0.1', port)
    await expect(taken).rejects.toMatchObject({ code: 'MILLRACE_HTTP_UNBOUND' })
    const elsewhere = listen(createHttpApp(shop.ports()), '192.0.2.1', 0)
    await expect(elsewhere).rejects.toMatchObject({ code: 'MILLRACE_CONFIG_INVALID' })
    await server.close()
  })

  it('takes bodies of 8 MiB over the wire, and refuses longer ones', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const line = `${JSON.stringify({ x: 'x'.repeat(1_000_000) })}\n`
    const post = async (body: string | ReadableStream<Uint8Array>) => {
      const headers = { 'content-type': 'application/x-ndjson' }
      const init = { method: 'POST', headers, body, duplex: 'half' as const }
      const response = await fetch(`${server.url}/api/events`, init)
      await response.arrayBuffer()
      return response.status
    }
    expect(await post(line.repeat(8))).toBe(202)
    expect(shop.ingested).toHaveLength(8)
    expect(await post(line.repeat(9))).toBe(413)
    await server.close()
  })

  it('refuses a target with credentials, of which no request can be made', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    const head = 'POST http://a:b@c/api/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'
    socket.write(`${head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(shop.ingested).toEqual([])
    await server.close()
  })
})
