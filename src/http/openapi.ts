/** The description of the API, OpenAPI 3.1. */
import { ref, schemas } from './openapi-schemas.ts'

type Part = Readonly<Record<string, unknown>>

interface Operation {
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly Part[]
  readonly requestBody?: Part
  readonly responses: Part
  /** Open to everybody, token or not. */
  readonly open?: boolean
}

const conditional = { 304: { description: 'What the client has is the same (If-None-Match)' } }
const failed = problem('The request failed')

export function openApiDocument(metrics: readonly string[], derived: readonly string[]): Part {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Shop metrics',
      version: '1.0.0',
      description: 'Five numbers of a shop, computed in event time from its events.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: { ...rowPaths(), ...applicationPaths(), ...probePaths(), ...pagePaths() },
    components: {
      schemas: schemas(metrics, derived),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'API_TOKEN; none where it is unset' },
      },
    },
  }
}

function rowPaths(): Part {
  return {
    '/api/conversion': get({
      summary: 'Conversion of the last hour',
      responses: {
        200: content('Sessions with an order by sessions', ref('Conversion')),
        ...conditional,
        503: problem('No window has closed yet, or the state is being restored'),
      },
    }),
    '/api/metrics': get({
      summary: 'The latest row of each metric',
      responses: {
        200: content('At most one row a metric', ref('Rows')),
        ...conditional,
        503: problem('The rows are still being read'),
      },
    }),
    '/api/windows/{metric}': get({
      summary: 'Rows of a metric by the end of their window, oldest first',
      description:
        '`revenue_30m` is what each refresh of `revenue_24h` has brought, made of its rows: ' +
        'parts of a day that add up. A row is left out where it is not known.',
      parameters: [
        { name: 'metric', in: 'path', required: true, schema: ref('Series') },
        query('from', 'Least end: RFC 3339 or epoch ms', { type: 'string' }),
        query('to', 'End to stop before: RFC 3339 or epoch ms', { type: 'string' }),
        query('cursor', 'The `next` of the page before, instead of `from`', { type: 'string' }),
        query('limit', 'Rows a page', {
          type: 'integer',
          minimum: 1,
          maximum: 1_000,
          default: 100,
        }),
      ],
      responses: {
        200: content('A page of rows', ref('RowPage')),
        ...conditional,
        400: problem('A parameter cannot be read'),
        404: problem('There is no such metric'),
        503: problem('The rows are still being read'),
      },
    }),
    '/api/stream': get({
      summary: 'New rows and the state of the application as they come',
      description:
        'Server-sent events, each with an id: `row` carries a Row, `status` a Health. With ' +
        '`Last-Event-ID` the rows since then come first, at any instance; where that means ' +
        'nothing, `reset` comes before all rows. A comment comes every 15 s; a client that does ' +
        'not read is cut off.',
      parameters: [
        {
          name: 'Last-Event-ID',
          in: 'header',
          description: 'The id of the last event that the client has had',
          schema: { type: 'string', pattern: '^\\d{1,15}$' },
        },
      ],
      responses: {
        200: { description: 'Events', content: { 'text/event-stream': { schema: string } } },
        503: problem('Too many streams are open, or the application is closing'),
      },
    }),
  }
}

function applicationPaths(): Part {
  const event = { type: 'object', description: 'An event of the shop' }
  return {
    '/api/events': {
      post: operation({
        summary: 'Events for the embedded log, up to 8 MiB; answered once they are durable',
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { oneOf: [event, { type: 'array', items: {} }] } },
            'application/x-ndjson': { schema: string },
          },
        },
        responses: {
          202: content('How many were stored, and which were not', ref('Ingested')),
          400: problem('The body is not what its type says'),
          409: problem('A broker is configured: events come from there'),
          413: problem('More than 8 MiB'),
          415: problem('Another media type'),
          503: problem('Not ready yet; nothing was stored'),
        },
      }),
    },
    '/api/status': get({
      summary: 'Tasks, positions, lags, watermarks, restores',
      responses: { 200: content('As of now, of this instance', ref('Status')), ...conditional },
    }),
    '/api/topology': get({
      summary: 'What is computed from what',
      parameters: [
        query('format', 'How to show it', {
          type: 'string',
          enum: ['json', 'mermaid', 'text'],
          default: 'json',
        }),
      ],
      responses: {
        200: {
          description: 'The topology',
          content: { 'application/json': { schema: {} }, 'text/plain': { schema: string } },
        },
        ...conditional,
        400: problem('There is no such format'),
      },
    }),
    '/metrics': get({
      summary: 'Gauges and counters for Prometheus, text format 0.0.4',
      responses: { 200: text('text/plain', 'Samples') },
    }),
  }
}

function probePaths(): Part {
  const probe = (summary: string, down: string): Part =>
    get({
      summary,
      open: true,
      responses: {
        200: content('Yes', ref('Probe')),
        ...conditional,
        503: content(down, ref('Probe')),
      },
    })
  return {
    '/livez': probe('Whether the process is worth keeping', 'It has failed'),
    '/readyz': probe('Whether it does its work', 'Not at present: the reasons say why'),
  }
}

function pagePaths(): Part {
  const page = (summary: string): Part =>
    get({ summary, open: true, responses: { 200: text('text/html', 'HTML'), ...conditional } })
  return {
    '/': page('The shop: now, today, over a day'),
    '/topology': page('The topology, and how it goes at this instance'),
    '/openapi.json': get({
      summary: 'This description',
      open: true,
      responses: { 200: content('OpenAPI 3.1', { type: 'object' }), ...conditional },
    }),
  }
}

const string = { type: 'string' }

function get(parts: Operation): Part {
  return { get: operation(parts) }
}

function operation({ open = false, responses, ...rest }: Operation): Part {
  const guarded = { ...responses, 401: problem('The token is missing or wrong'), default: failed }
  const security = [{ token: [] }, {}]
  if (open) return { ...rest, security: [], responses: { ...responses, default: failed } }
  return { ...rest, security, responses: guarded }
}

function query(name: string, description: string, schema: Part): Part {
  return { name, in: 'query', description, schema }
}

function content(description: string, schema: Part): Part {
  return { description, content: { 'application/json': { schema } } }
}

function text(type: string, description: string): Part {
  return { description, content: { [type]: { schema: string } } }
}

function problem(description: string): Part {
  return { description, content: { 'application/problem+json': { schema: ref('Problem') } } }
}
