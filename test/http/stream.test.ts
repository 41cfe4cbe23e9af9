import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpApp, type HttpApp } from '../../src/http/app.ts'
import { listen } from '../../src/http/server.ts'
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

/** What has come over the wire so far. */
class Wire {
  text = ''
  ended = false
  readonly #abort = new AbortController()

  async open(url?: string): Promise<void> {
    const { signal } = this.#abort
    const response = await (url === undefined
      ? http.app.request('/api/stream', { signal })
      : fetch(`${url}/api/stream`, { signal }))
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    void this.#read(response)
  }

  abort(): void {
    this.#abort.abort()
  }

  async has(part: string, times = 1): Promise<void> {
    await until(() => this.text.split(part).length > times, part)
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    try {
      for await (const chunk of response.body ?? []) this.text += decoder.decode(chunk)
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
    await wire.has('event: status\ndata: {"reasons":[],')
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
    await wire.has(`event: row\ndata: ${JSON.stringify(row)}\n\n`)
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
    await wire.open(server.url)
    await wire.has('event: status')
    expect([http.streams.clients, shop.listeners.size]).toEqual([1, 1])
    wire.abort()
    await until(() => http.streams.clients === 0 && shop.listeners.size === 0, 'gone')
    await server.close()
  })

  it('ends when the server closes', async () => {
    const server = await listen(http, '127.0.0.1', 0)
    const wire = new Wire()
    await wire.open(server.url)
    await wire.has('event: status')
    await server.close()
    await until(() => wire.ended, 'ended')
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow()
    expect((await http.app.request('/api/stream')).status).toBe(503)
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
})
