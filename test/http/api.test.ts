import { beforeEach, describe, expect, it } from 'vitest'
import { createHttpApp } from '../../src/http/app.ts'
import type { HttpPorts } from '../../src/http/ports.ts'
import { taskId } from '../../src/ids.ts'
import { FakeApplication, metricInfos, runningSnapshot } from '../support/http-ports.ts'
import { metricRow } from '../support/metric-rows.ts'

const minute = 60_000
const noon = Date.UTC(2026, 10, 22, 12)
let shop: FakeApplication

beforeEach(() => {
  shop = new FakeApplication()
})

async function get(path: string, init: RequestInit = {}, ports: Partial<HttpPorts> = {}) {
  return await createHttpApp(shop.ports(ports)).app.request(path, init)
}

async function json(path: string): Promise<Record<string, unknown>> {
  const response = await get(path)
  expect(response.status, path).toBe(200)
  return (await response.json()) as Record<string, unknown>
}

function conversionRow(end: number, fields = {}) {
  const sales = { value: 31 / 993, numerator: 31, denominator: 993 }
  return metricRow('conversion_1h', end, { ...sales, ...fields })
}

describe('GET /api/conversion', () => {
  it('shows the newest row with its window', async () => {
    shop.put(conversionRow(noon - 5 * minute), conversionRow(noon))
    expect(await json('/api/conversion')).toEqual({
      conversion: 31 / 993,
      window: {
        start: '2026-11-22T11:00:00.000Z',
        end: '2026-11-22T12:00:00.000Z',
        duration: 'PT1H',
        final: true,
      },
      sessions: 993,
      orderingSessions: 31,
      updatedAt: '2026-11-22T12:00:00.000Z',
      lastEventAt: '2026-11-22T11:59:59.000Z',
      stale: false,
      revision: 0,
    })
  })

  it('tells an unknown conversion from none', async () => {
    const silent = { value: null, numerator: 0, denominator: 0, lastEventAt: null }
    shop.put(conversionRow(noon, silent))
    const body = await json('/api/conversion')
    expect([body['conversion'], body['sessions'], body['lastEventAt']]).toEqual([null, 0, null])
  })

  it('is stale once a newer row should have come', async () => {
    shop.put(conversionRow(noon))
    shop.clock.advance(5 * minute + 90_000 + minute)
    expect((await json('/api/conversion'))['stale']).toBe(false)
    shop.clock.advance(1)
    expect((await json('/api/conversion'))['stale']).toBe(true)
  })

  it('is 503 before the first window, and while state or rows are being read', async () => {
    const expectNotYet = async (): Promise<void> => {
      const response = await get('/api/conversion')
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
    await expectNotYet()
    shop.put(conversionRow(noon))
    const [task] = runningSnapshot().tasks
    if (task === undefined) throw new Error('no task')
    shop.snapshot = runningSnapshot({ tasks: [{ ...task, id: taskId(1, 0), state: 'restoring' }] })
    await expectNotYet()
    shop.snapshot = runningSnapshot({ state: 'starting', tasks: [] })
    await expectNotYet()
    shop.snapshot = runningSnapshot()
    shop.caughtUp = false
    await expectNotYet()
    shop.caughtUp = true
    expect((await get('/api/conversion')).status).toBe(200)
  })
})

describe('GET /api/metrics', () => {
  it('is an empty list before the first row', async () => {
    expect(await json('/api/metrics')).toEqual({ results: [] })
  })

  it('has the latest row of each metric, in one order', async () => {
    const rows = metricInfos.map(({ name }) => metricRow(name, noon))
    shop.put(...rows.toReversed(), metricRow('visitors_5m', noon - 5 * minute))
    expect(await json('/api/metrics')).toEqual({ results: rows })
  })

  it('is 503 while the rows are being read, which would take readers back in time', async () => {
    shop.put(metricRow('visitors_5m', noon))
    shop.caughtUp = false
    for (const path of ['/api/metrics', '/api/windows/visitors_5m']) {
      const response = await get(path)
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await get('/api/windows/visitors_5m?limit=0')).status).toBe(400)
    shop.caughtUp = true
    expect((await json('/api/metrics'))['results']).toHaveLength(1)
    expect((await json('/api/windows/visitors_5m'))['results']).toHaveLength(1)
  })
})

describe('GET /api/windows/{metric}', () => {
  const ends = async (query: string) => {
    const page = await json(`/api/windows/visitors_5m${query}`)
    const results = page['results'] as readonly { readonly windowEnd: number }[]
    return { ends: results.map(({ windowEnd }) => windowEnd), next: page['next'] as string | null }
  }
  const all = Array.from({ length: 250 }, (_, i) => noon + i * 5 * minute)

  beforeEach(() => {
    shop.put(...all.map((end) => metricRow('visitors_5m', end)))
  })

  it('answers with ends from `from` up to, and without, `to`, in either notation', async () => {
    const [from, to] = [all[3] ?? 0, all[6] ?? 0]
    const expected = { ends: all.slice(3, 6), next: null }
    expect(await ends(`?from=${from}&to=${to}`)).toEqual(expected)
    const [start, end] = [new Date(from).toISOString(), new Date(to).toISOString()]
    expect(await ends(`?from=${start}&to=${end}`)).toEqual(expected)
    const local = new Date(from + 7_200_000).toISOString().replace('Z', '+02:00')
    expect(await ends(`?from=${encodeURIComponent(local)}&to=${to}`)).toEqual(expected)
    expect(await ends(`?from=${local}&to=${to}`)).toEqual(expected)
    expect(await ends(`?from=${from}&to=${from}`)).toEqual({ ends: [], next: null })
  })

  it('has 100 rows a page, or `limit`, and a cursor that remembers `to`', async () => {
    const first = await ends(`?to=${all[240]}`)
    expect(first.ends).toEqual(all.slice(0, 100))
    const second = await ends(`?cursor=${first.next}&limit=130`)
    expect(second.ends).toEqual(all.slice(100, 230))
    const third = await ends(`?cursor=${second.next}&to=${all[240]}`)
    expect(third).toEqual({ ends: all.slice(230, 240), next: null })
  })

  it('has no next page when the last row fits exactly', async () => {
    expect((await ends('?limit=250')).next).toBeNull()
    expect((await ends('?limit=249')).next).not.toBeNull()
  })

  it('does not lose rows that come while a client pages', async () => {
    const first = await ends('?limit=249')
    shop.put(metricRow('visitors_5m', noon + 250 * 5 * minute))
    expect((await ends(`?cursor=${first.next}`)).ends).toHaveLength(2)
  })

  it.each([
    'from=yesterday',
    'from=2026-11-22',
    'from=2026-13-01T00:00:00Z',
    'from=2026-02-30T00:00:00Z',
    'from=2026-11-22T24:00:00Z',
    'to=-1',
    'to=1e3',
    'to=99999999999999999',
    'limit=0',
    'limit=1001',
    'limit=ten',
    'cursor=nonsense',
    'cursor=WzFd',
    'from=2&to=1',
  ])('refuses ?%s', async (query) => {
    const response = await get(`/api/windows/visitors_5m?${query}`)
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  it("refuses another metric's cursor, and one beside a `from` or another `to`", async () => {
    const { next } = await ends('?limit=1&to=1900000000000')
    const statuses = await Promise.all(
      [
        `orders_5m?cursor=${next}`,
        `visitors_5m?cursor=${next}&from=1`,
        `visitors_5m?cursor=${next}&to=1`,
      ].map(async (path) => (await get(`/api/windows/${path}`)).status)
    )
    expect(statuses).toEqual([400, 400, 400])
  })

  it('does not know other metrics', async () => {
    expect((await get('/api/windows/weather')).status).toBe(404)
  })
})

describe('probes and status', () => {
  it('tell alive from ready, with reasons', async () => {
    shop.reasons = ['The broker does not answer.']
    expect((await get('/livez')).status).toBe(200)
    const ready = await get('/readyz')
    expect(ready.status).toBe(503)
    expect(await ready.json()).toEqual({ status: 'unavailable', reasons: shop.reasons })
    shop.reasons = []
    expect(await json('/readyz')).toEqual({ status: 'ok', reasons: [] })
    shop.snapshot = runningSnapshot({ state: 'failed' })
    expect((await get('/livez')).status).toBe(503)
  })

  it('show tasks with position, end, lag and watermark', async () => {
    const { tasks } = runningSnapshot()
    const [task] = tasks
    expect((await json('/api/status'))['tasks']).toEqual([{ ...task, thread: null }])
    shop.snapshot = runningSnapshot({ tasks: tasks.map((one) => ({ ...one, thread: 2 })) })
    expect((await json('/api/status'))['tasks']).toEqual([{ ...task, thread: 2 }])
  })

  it('show the topology in three forms', async () => {
    expect(await json('/api/topology')).toEqual({ subtopologies: [] })
    expect(await (await get('/api/topology?format=mermaid')).text()).toBe('flowchart LR')
    expect(await (await get('/api/topology?format=text')).text()).toBe('Topologies:')
    expect((await get('/api/topology?format=yaml')).status).toBe(400)
  })

  it('pass on what Prometheus reads', async () => {
    const response = await get('/metrics')
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(await response.text()).toBe('up 1\n')
  })
})

describe('every path', () => {
  it('answers HEAD as GET, without a body', async () => {
    shop.put(conversionRow(noon))
    for (const path of [
      '/api/conversion',
      '/api/metrics',
      '/metrics',
      '/readyz',
      '/',
      '/openapi.json',
    ]) {
      const [head, full] = [await get(path, { method: 'HEAD' }), await get(path)]
      expect(head.status, path).toBe(200)
      expect(await head.text(), path).toBe('')
      expect(head.headers.get('content-type'), path).toBe(full.headers.get('content-type'))
      expect(head.headers.get('etag'), path).toBe(full.headers.get('etag'))
    }
  })

  it('answers 304 to whoever has the same JSON already', async () => {
    shop.put(conversionRow(noon))
    const etag = (await get('/api/metrics')).headers.get('etag') ?? ''
    const again = async (header: string) => {
      return (await get('/api/metrics', { headers: { 'if-none-match': header } })).status
    }
    expect(etag).toMatch(/^".+"$/)
    expect(await again(etag)).toBe(304)
    expect(await again(`"other", W/${etag}`)).toBe(304)
    expect(await again('"other"')).toBe(200)
    shop.put(conversionRow(noon + 5 * minute))
    expect(await again(etag)).toBe(200)
  })

  it('has a tag for all of the JSON', async () => {
    shop.put(conversionRow(noon))
    const own = ['/livez', '/readyz', '/openapi.json']
    const rest = ['conversion', 'metrics', 'windows/visitors_5m', 'status', 'topology']
    for (const path of [...own, ...rest.map((name) => `/api/${name}`)]) {
      const etag = (await get(path)).headers.get('etag') ?? 'none'
      expect((await get(path, { headers: { 'if-none-match': etag } })).status, path).toBe(304)
    }
    shop.reasons = ['The broker does not answer.']
    expect((await get('/readyz', { headers: { 'if-none-match': '*' } })).status).toBe(503)
  })

  it('says which methods it takes', async () => {
    const answers = await Promise.all([
      get('/api/conversion', { method: 'DELETE' }),
      get('/api/events'),
      get('/', { method: 'POST' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([405, 405, 405])
    expect(answers.map(({ headers }) => headers.get('allow'))).toEqual([
      'GET, HEAD',
      'POST',
      'GET, HEAD',
    ])
  })

  it('is a problem where there is nothing, or something broke', async () => {
    const missing = await get('/nothing')
    expect(missing.status).toBe(404)
    expect(await missing.json()).toMatchObject({ status: 404, instance: '/nothing' })
    const exposition = async () => Promise.reject(new Error('secret'))
    const broken = await get('/metrics', {}, { exposition })
    expect(broken.status).toBe(500)
    expect(await broken.text()).not.toContain('secret')
  })

  it('runs nothing from elsewhere in a browser', async () => {
    const headers = (await get('/')).headers
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('with a token', () => {
  const status = async (path: string, authorization?: string, method = 'GET') => {
    const headers = authorization === undefined ? {} : { authorization }
    return (await get(path, { headers, method }, { apiToken: 'open sesame' })).status
  }

  it('keeps the numbers from whoever does not have it', async () => {
    for (const path of ['/api/metrics', '/api/status', '/metrics', '/api/nothing']) {
      expect(await status(path), path).toBe(401)
      expect(await status(path, 'Bearer wrong'), path).toBe(401)
      expect(await status(path, 'Basic open sesame'), path).toBe(401)
    }
    expect(await status('/api/events', undefined, 'POST')).toBe(401)
    expect(await status('/api/metrics', 'Bearer open sesame')).toBe(200)
    expect(await status('/metrics', 'bearer open sesame')).toBe(200)
  })

  it('leaves probes, the page and the description open', async () => {
    for (const path of ['/livez', '/readyz', '/', '/assets/page.css', '/openapi.json']) {
      expect(await status(path), path).toBe(200)
    }
  })
})
