/**
 * The application that the faults meet, as a process of its own on the built package: an echo, a
 * running aggregate by key, and counts behind a repartition topic. What it puts out tells by itself
 * which input it comes from, so that a missing, doubled or misplaced record can be named.
 */
import { createServer } from 'node:http'
import {
  count,
  createLogger,
  json,
  min,
  StreamApp,
  StreamsBuilder,
  string,
  sum,
  type Topology,
  topic,
} from 'millrace'

interface Payment {
  readonly id: number
  readonly amount: number
  readonly group: string
}

const {
  APPLICATION_ID: applicationId = 'chaos',
  KAFKA_BROKERS: brokers = '',
  STATE_DIR: stateDir = '.data',
  HTTP_PORT: port = '0',
  SESSION_MS: sessionMs = '6000',
} = process.env

const logger = createLogger({ level: 'info' })
const app = new StreamApp(topology(), {
  applicationId,
  stateDir,
  logger,
  // Every update goes out, not the last of each key with the commit.
  cacheBytesMax: 0,
  kafka: { brokers: brokers.split(','), group: { sessionMs: Number(sessionMs) } },
})

const server = createServer(({ url }, response) => {
  const { state, reasons, tasks } = app.snapshot()
  const isReady = state === 'running' && reasons.length === 0
  if (url === '/readyz') response.statusCode = isReady ? 200 : 503
  response.end(JSON.stringify({ state, reasons, tasks }))
})
server.listen(Number(port), '127.0.0.1')

process.once('SIGTERM', () => void app.close())
app.start().catch(() => undefined)
await app.done.catch((error: unknown) => {
  logger.error('The application has failed', { error })
  process.exit(1)
})
process.exit(0)

function topology(): Topology {
  const key = string()
  const builder = new StreamsBuilder()
  const payments = topic(`${applicationId}.in`, { key, value: json<Payment>() })
  const input = builder.stream(payments)
  input.to(topic(`${applicationId}.echo`, { key, value: json<Payment>() }))
  input
    .groupByKey()
    .aggregate('running', { n: count(), sum: sum((p) => p.amount), min: min((p) => p.amount) })
    .toStream()
    .to(topic(`${applicationId}.running`, { key, value: json() }))
  input
    .groupBy(({ group }) => group)
    .aggregate('by-group', { n: count(), ids: sum(({ id }) => id) })
    .toStream()
    .to(topic(`${applicationId}.counts`, { key, value: json() }))
  return builder.build()
}
