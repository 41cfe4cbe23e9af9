/** The HTTP application as a value: `app.request('/api/metrics')` answers without a port. */
import { Hono, type MiddlewareHandler } from 'hono'
import { json } from './answers.ts'
import { asset, pageAssets } from './assets.ts'
import { bearer } from './auth.ts'
import { conversion, latestRows } from './conversion.ts'
import { ingestEvents } from './ingest.ts'
import { openApiDocument } from './openapi.ts'
import type { HttpPorts } from './ports.ts'
import { livez, readyz, status, topology } from './probes.ts'
import { problem } from './problem.ts'
import { route } from './routes.ts'
import { StreamHub, type StreamTiming } from './stream.ts'
import { windows } from './windows.ts'

export interface HttpApp {
  readonly app: Hono
  readonly streams: StreamHub
}

export function createHttpApp(ports: HttpPorts, timing: StreamTiming = {}): HttpApp {
  const app = engineRoutes(ports)
  const streams = new StreamHub(ports, timing)
  route(app, '/api/conversion', { GET: conversion(ports) })
  route(app, '/api/metrics', { GET: latestRows(ports) })
  route(app, '/api/windows/:metric', { GET: windows(ports) })
  route(app, '/api/stream', { GET: (context) => streams.handle(context) })
  route(app, '/api/events', { POST: ingestEvents(ports) })
  const document = openApiDocument(
    ports.metrics.map(({ name }) => name),
    ports.derived
  )
  route(app, '/openapi.json', { GET: (context) => json(context, document) })
  const assets = pageAssets()
  route(app, '/', { GET: asset(assets, 'index.html') })
  route(app, '/topology', { GET: asset(assets, 'topology.html') })
  route(app, '/assets/:name', { GET: asset(assets) })
  return { app, streams }
}

/** What any application has to tell, whatever it computes. */
export type EnginePorts = Pick<
  HttpPorts,
  'snapshot' | 'reasons' | 'topology' | 'exposition' | 'apiToken' | 'clock' | 'logger'
>

/** Probes, metrics, status and topology, of an application that has no rows to show. */
export function createEngineApp(ports: EnginePorts): Pick<HttpApp, 'app'> {
  const rows = {
    caughtUp: true,
    latest: () => undefined,
    range: () => [],
    end: 0,
    since: () => [],
    subscribe: () => () => {},
  }
  const none = { lastEventAt: () => null, metrics: [], closeMs: 0, ingest: null, derived: [] }
  return { app: engineRoutes({ ...ports, ...none, rows }) }
}

function engineRoutes(ports: HttpPorts): Hono {
  const app = new Hono()
  app.use(secured)
  app.use(unnamed)
  if (ports.apiToken !== null) {
    const guard = bearer(ports.apiToken)
    app.use('/api/*', guard)
    app.use('/metrics', guard)
  }
  route(app, '/livez', { GET: livez(ports) })
  route(app, '/readyz', { GET: readyz(ports) })
  route(app, '/metrics', {
    GET: async (context) => {
      const { contentType, body } = await ports.exposition()
      return context.body(body, 200, { 'content-type': contentType, 'cache-control': 'no-store' })
    },
  })
  route(app, '/api/status', { GET: status(ports) })
  route(app, '/api/topology', { GET: topology(ports) })
  app.notFound((context) => problem(context, 404, 'There is nothing at this path.'))
  app.onError((error, context) => {
    ports.logger.error('A request failed', { path: context.req.path, error })
    return problem(context, 500, 'The request failed; the log says why.')
  })
  return app
}

/** The page runs its own scripts and styles, and nobody may frame it. */
const secured: MiddlewareHandler = async (context, next) => {
  await next()
  const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  context.res.headers.set('content-security-policy', policy)
  context.res.headers.set('x-content-type-options', 'nosniff')
  context.res.headers.set('referrer-policy', 'no-referrer')
}

/** A target such as `http://a:b@host/` cannot become a Request; that is its sender's fault. */
const unnamed: MiddlewareHandler = async (context, next) => {
  const { username, password } = new URL(context.req.url)
  if (username === '' && password === '') return await next()
  return problem(context, 400, 'Credentials go into the header Authorization, not into the target.')
}
