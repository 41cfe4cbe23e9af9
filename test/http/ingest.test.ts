import { beforeEach, describe, expect, it } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { createHttpApp } from '../../src/http/app.ts'
import type { HttpPorts } from '../../src/http/ports.ts'
import { FakeApplication } from '../support/http-ports.ts'

const mebibyte = 1_024 * 1_024
let shop: FakeApplication

beforeEach(() => {
  shop = new FakeApplication()
})

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  contentType: string | null = 'application/json',
  ports: Partial<HttpPorts> = {},
  more: Readonly<Record<string, string>> = {}
) {
  const headers = { ...(contentType === null ? {} : { 'content-type': contentType }), ...more }
  const { app } = createHttpApp(shop.ports(ports))
  const response = await app.request('/api/events', { method: 'POST', body, headers })
  const answer = (await response.json()) as Record<string, unknown>
  return { status: response.status, answer, headers: response.headers }
}

function ingested(): readonly unknown[] {
  return shop.ingested.map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown)
}

describe('POST /api/events', () => {
  it('takes one object', async () => {
    const { status, answer } = await post(' {"sessionId":"a","x":"ü"}\n')
    expect([status, answer]).toEqual([202, { accepted: 1, rejected: [] }])
    expect(ingested()).toEqual([{ sessionId: 'a', x: 'ü' }])
  })

  it('takes an array, and says which items are no objects', async () => {
    const { status, answer } = await post(
      '[{"a":1}, 5, null, [], "x", {}]',
      'application/json; charset=UTF-8'
    )
    expect(status).toBe(202)
    const rejected = [1, 2, 3, 4].map((index) => ({ index, reason: 'decode' }))
    expect(answer).toEqual({ accepted: 2, rejected })
    expect(ingested()).toEqual([{ a: 1 }, {}])
    expect((await post('[]')).answer).toEqual({ accepted: 0, rejected: [] })
  })

  it('takes lines, passes over blank ones, and judges each for itself', async () => {
    const bad = Buffer.concat([Buffer.from('{"b":"'), Buffer.from([0xff]), Buffer.from('"}\n')])
    const body = Buffer.concat([
      Buffer.from('{"a":1}\r\n\n  \n{"a":\n'),
      bad,
      Buffer.from('[]\n{"c":3}'),
    ])
    const { status, answer } = await post(body, 'application/x-ndjson')
    expect(status).toBe(202)
    const rejected = [1, 2, 3].map((index) => ({ index, reason: 'decode' }))
    expect(answer).toEqual({ accepted: 2, rejected })
    expect(ingested()).toEqual([{ a: 1 }, { c: 3 }])
  })

  it('refuses an event of over 1 MiB, not those beside it', async () => {
    const long = JSON.stringify({ x: 'x'.repeat(mebibyte) })
    const rejected = [{ index: 1, reason: 'too_large' }]
    for (const [body, type] of [
      [`[{},${long},{}]`, 'application/json'],
      [`{}\n${long}\n{}`, 'application/x-ndjson'],
    ] as const) {
      expect((await post(body, type)).answer).toEqual({ accepted: 2, rejected })
    }
    const fits = JSON.stringify({ x: 'x'.repeat(mebibyte - 8) })
    expect((await post(fits)).answer).toEqual({ accepted: 1, rejected: [] })
  })

  it('refuses an event that is nested too deeply to be written', async () => {
    const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`
    const { status, answer } = await post(`[${deep},{}]`)
    expect(status).toBe(202)
    expect(answer['accepted']).toBeGreaterThanOrEqual(1)
  })

  it.each(['', '5', '"x"', 'null', '{', '{}{}', '{}\n{}'])('refuses the body %j', async (body) => {
    expect((await post(body)).status).toBe(400)
    expect(shop.ingested).toEqual([])
  })

  it('refuses other media types, charsets and encodings', async () => {
    const statuses = [
      await post('{}', null),
      await post('{}', 'text/plain'),
      await post('a=b', 'application/x-www-form-urlencoded'),
      await post('{}', 'application/json; charset=latin1'),
      await post('{}', 'application/json', {}, { 'content-encoding': 'gzip' }),
    ].map(({ status }) => status)
    expect(statuses).toEqual([415, 415, 415, 415, 415])
  })

  it('refuses more than 8 MiB, told or untold', async () => {
    const line = `${JSON.stringify({ x: 'x'.repeat(mebibyte / 2) })}\n`
    expect((await post(line.repeat(17), 'application/x-ndjson')).status).toBe(413)
    expect((await post(line.repeat(15), 'application/x-ndjson')).status).toBe(202)
    const told = await post(
      '{}',
      'application/json',
      {},
      { 'content-length': String(9 * mebibyte) }
    )
    expect(told.status).toBe(413)
  })

  it('takes nothing of a body that is cut, and blames nobody for it', async () => {
    const { app } = createHttpApp(shop.ports())
    const lines = [Buffer.from('{"a":1}\n')]
    const body = new ReadableStream({
      pull(controller) {
        const line = lines.pop()
        if (line === undefined) controller.error(new Error('aborted'))
        else controller.enqueue(line)
      },
    })
    const headers = { 'content-type': 'application/x-ndjson' }
    const init = { method: 'POST', body, headers, duplex: 'half' } as const
    const response = await app.request('/api/events', init)
    expect(response.status).toBe(400)
    expect(shop.ingested).toEqual([])
  })

  it('waits until the application is ready', async () => {
    shop.reasons = ['Task 0_0 is being restored.']
    const { status, headers, answer } = await post('{}')
    expect(status).toBe(503)
    expect(headers.get('retry-after')).not.toBeNull()
    expect(answer['detail']).toContain('0_0')
  })

  it('leaves events to the broker where there is one, ready or not', async () => {
    shop.reasons = ['The broker does not answer.']
    expect((await post('{}', 'application/json', { ingest: null })).status).toBe(409)
  })

  it('acknowledges nothing that was not stored', async () => {
    const ingest = async () => Promise.reject(new FatalError('MILLRACE_DISK_FULL', 'disk full'))
    const { status, answer } = await post('{}', 'application/json', { ingest })
    expect(status).toBe(503)
    expect(answer['detail']).toContain('disk full')
  })
})
