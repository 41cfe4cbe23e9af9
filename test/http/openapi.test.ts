import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { createHttpApp } from '../../src/http/app.ts'
import { openApiDocument } from '../../src/http/openapi.ts'
import type { HttpPorts } from '../../src/http/ports.ts'
import { FakeApplication, metricInfos } from '../support/http-ports.ts'
import { metricRow } from '../support/metric-rows.ts'

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, object>> }>
  >
}

interface Case {
  readonly method: string
  readonly path: string
  readonly url: string
  readonly init?: RequestInit
  readonly ports?: Partial<HttpPorts>
}

const document = openApiDocument(
  metricInfos.map(({ name }) => name),
  ['revenue_30m']
)
const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>
const noon = Date.UTC(2026, 10, 22, 12)
const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false })

beforeAll(() => {
  ajv.addSchema({ $id: 'openapi', ...document } as AnySchema)
})

/** The faults of an answer by what the description says of it; undefined if it says nothing. */
async function faultsOf(path: string, method: string, response: Response) {
  const described = paths[path]?.[method]?.responses[String(response.status)]
  const [type = ''] = (response.headers.get('content-type') ?? '').split(';')
  if (described === undefined) return [`${method} ${path}: ${response.status} is not described`]
  if (described.content === undefined) return []
  if (described.content[type] === undefined) return [`${method} ${path}: ${type} is not described`]
  if (!type.endsWith('json')) return []
  const at = ['paths', path, method, 'responses', response.status, 'content', type, 'schema']
  const pointer = at.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'))
  const validate = ajv.compile({ $ref: `openapi#/${pointer.map(encodeURIComponent).join('/')}` })
  validate(await response.json())
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `${path}${instancePath} ${message}`
  )
}

function shopWithRows(): FakeApplication {
  const shop = new FakeApplication()
  const sales = { value: 92.45, numerator: 18490, denominator: 2 }
  const money = {
    value: 184.9,
    numerator: 18490,
    denominator: 2,
    amount: '184.90',
    currency: 'EUR',
  }
  shop.put(
    metricRow('visitors_5m', noon),
    metricRow('orders_5m', noon, { value: 0, firstEventAt: null, lastEventAt: null }),
    metricRow('conversion_1h', noon, { value: 0.5, numerator: 1, denominator: 2 }),
    metricRow('average_order_value_24h', noon, sales),
    metricRow('revenue_24h', noon, money),
    metricRow('revenue_30m', noon, money)
  )
  return shop
}

describe('the description of the API', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document))
    expect(errors ?? []).toEqual([])
    expect(valid).toBe(true)
    expect(validator.version).toBe('3.1')
  })

  it('names every path that the application answers, and no other', async () => {
    const { app } = createHttpApp(new FakeApplication().ports())
    const answered = app.routes.map(({ path }) => path.replace(/:(\w+)/, '{$1}'))
    const api = new Set(answered.filter((path) => !/^\/(\*|api\/\*|assets\/.*)$/.test(path)))
    expect(Object.keys(paths).toSorted()).toEqual([...api].toSorted())
  })

  const reader = new FakeApplication()
  reader.caughtUp = false
  const { rows } = reader.ports()
  const reading = { rows }
  const cases: readonly Case[] = [
    { method: 'get', path: '/api/conversion', url: '/api/conversion' },
    { method: 'get', path: '/api/metrics', url: '/api/metrics' },
    { method: 'get', path: '/api/windows/{metric}', url: '/api/windows/revenue_24h' },
    { method: 'get', path: '/api/windows/{metric}', url: '/api/windows/orders_5m?limit=1' },
    { method: 'get', path: '/api/windows/{metric}', url: '/api/windows/orders_5m?limit=0' },
    { method: 'get', path: '/api/windows/{metric}', url: '/api/windows/revenue_30m' },
    { method: 'get', path: '/api/windows/{metric}', url: '/api/windows/weather' },
    { method: 'get', path: '/api/stream', url: '/api/stream', init: { method: 'HEAD' } },
    { method: 'get', path: '/api/status', url: '/api/status' },
    { method: 'get', path: '/api/topology', url: '/api/topology' },
    { method: 'get', path: '/api/topology', url: '/api/topology?format=text' },
    { method: 'get', path: '/api/topology', url: '/api/topology?format=yaml' },
    { method: 'get', path: '/metrics', url: '/metrics' },
    { method: 'get', path: '/livez', url: '/livez' },
    { method: 'get', path: '/readyz', url: '/readyz' },
    { method: 'get', path: '/', url: '/' },
    { method: 'get', path: '/openapi.json', url: '/openapi.json' },
    { method: 'get', path: '/api/metrics', url: '/api/metrics', ports: { apiToken: 'secret' } },
    { method: 'get', path: '/api/metrics', url: '/api/metrics', ports: reading },
    {
      method: 'get',
      path: '/api/windows/{metric}',
      url: '/api/windows/orders_5m',
      ports: reading,
    },
    {
      method: 'get',
      path: '/api/conversion',
      url: '/api/conversion',
      ports: new FakeApplication().ports(),
    },
    { method: 'get', path: '/readyz', url: '/readyz', ports: { reasons: () => ['Not yet.'] } },
    { method: 'post', path: '/api/events', url: '/api/events', init: posted('[{}, 5]') },
    { method: 'post', path: '/api/events', url: '/api/events', init: posted('{') },
    { method: 'post', path: '/api/events', url: '/api/events', init: posted('{}', 'text/plain') },
    {
      method: 'post',
      path: '/api/events',
      url: '/api/events',
      init: posted('{}'),
      ports: { ingest: null },
    },
    {
      method: 'post',
      path: '/api/events',
      url: '/api/events',
      init: posted('{}'),
      ports: { reasons: () => ['Not yet.'] },
    },
    {
      method: 'post',
      path: '/api/events',
      url: '/api/events',
      init: posted(' '.repeat(9 * 1_024 * 1_024)),
    },
  ]

  it.each(cases)('holds for $method $path ($url)', async ({ method, path, url, init, ports }) => {
    const { app } = createHttpApp(shopWithRows().ports(ports))
    const response = await app.request(url, init)
    expect(await faultsOf(path, method, response)).toEqual([])
  })

  it('would notice an answer that is not as described', async () => {
    const response = Response.json({ results: [{ metric: 'weather' }] })
    expect((await faultsOf('/api/metrics', 'get', response)).length).toBeGreaterThan(5)
  })
})

function posted(body: string, contentType = 'application/json'): RequestInit {
  return { method: 'POST', body, headers: { 'content-type': contentType } }
}
