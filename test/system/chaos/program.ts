/** The payments as a process of its own, on the built package, with one thread or several. */
import { createServer } from 'node:http'
import { createLogger, StreamApp } from 'millrace'
import { payments } from './payments.ts'

const {
  APPLICATION_ID: applicationId = 'chaos',
  KAFKA_BROKERS: brokers = '',
  STATE_DIR: stateDir = '.data',
  HTTP_PORT: port = '0',
  SESSION_MS: sessionMs = '6000',
  THREADS: threads = '1',
} = process.env

const url = new URL('./payments.js', import.meta.url)
const logger = createLogger({ level: 'info' })
const app = new StreamApp(payments(applicationId), {
  applicationId,
  stateDir,
  logger,
  threads: Number(threads),
  topologyModule: { url, name: 'payments', input: applicationId },
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
