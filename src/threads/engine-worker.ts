/**
 * A thread that runs tasks: an engine with a log, connections and a producer of its own, over the
 * state directory of the process. See `threaded-engine.ts` for the other side.
 */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { shareStateDirectory } from '../../state/index.ts'
import { present } from '../assert.ts'
import { FatalError } from '../errors.ts'
import { KafkaLog } from '../kafka/kafka-log.ts'
import { Engine } from '../runtime/engine.ts'
import type { AppSnapshot } from '../runtime/snapshot.ts'
import { settled } from '../topology/settled.ts'
import type { Topology } from '../topology/topology.ts'
import { AskedLocks } from './asked-locks.ts'
import { describeTopology, placesOf } from './descriptions.ts'
import type { FromThread, ThreadData, ToThread } from './messages.ts'
import { toPlainError } from './plain-error.ts'
import { StoreServer } from './store-server.ts'
import { ThreadLogger } from './thread-logger.ts'
import { importTopology } from './topology-module.ts'

/** How often news are told, and how often the thread shows itself without any. */
const newsMs = 100
const signMs = 1_000

const port = present(parentPort, 'a thread of its own')
const data = workerData as ThreadData
const logger = new ThreadLogger((line) => tell({ kind: 'line', line }), { thread: data.thread })
const locks = new AskedLocks((kind, id, task) => tell({ kind, id, task }))
/** Aborted when it is to close. */
const cut = new AbortController()
const resources: (() => Promise<void>)[] = []
let engine: Engine | undefined
let server: StoreServer | undefined
let allLeave: () => void = () => {}
const allMayLeave = new Promise<void>((resolve) => (allLeave = resolve))
let told: AppSnapshot | undefined
let toldAt = Number.NEGATIVE_INFINITY

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'close':
      cut.abort()
      // What comes of it `run` sees.
      void engine?.close(message.deadlineMs)
      return
    case 'leave':
      allLeave()
      return
    case 'granted':
      locks.granted(message.id)
      return
    default:
      server?.take(message)
  }
})

await run()

async function run(): Promise<void> {
  let failure: unknown
  const news = setInterval(tellNews, newsMs)
  try {
    const topology = await buildTopology()
    const running = await open(topology)
    await running.start()
    if (running.state === 'running' || running.state === 'rebalancing') {
      const places = placesOf(topology, running.plan)
      tell({ kind: 'started', places, snapshot: running.snapshot() })
    }
    await running.done
  } catch (error) {
    failure = error
    // What the engine had begun ends first: it still uses what is closed here.
    await engine?.done.catch(() => {})
  }
  clearInterval(news)
  server?.close()
  await release()
  const snapshot = engine?.snapshot()
  const isWanted = failure === undefined || (cut.signal.aborted && engine?.failure === undefined)
  if (isWanted) tell({ kind: 'closed', snapshot })
  else tell({ kind: 'failed', error: toPlainError(failure), snapshot })
  port.close()
}

async function open(topology: Topology): Promise<Engine> {
  const { thread, applicationId, directory: path, cacheBytesMax } = data
  const log = await openLog()
  resources.unshift(() => log.close())
  cut.signal.throwIfAborted()
  const directory = shareStateDirectory(path, locks, {
    log: logger,
    ...(cacheBytesMax === 0 ? {} : { cacheBytesMax }),
  })
  // Behind the log: it goes on as long as the log does.
  resources.push(() => directory.close())
  const made = new Engine({
    ...data.engine,
    topology,
    applicationId,
    log,
    directory,
    logger,
    thread,
    caching: cacheBytesMax !== 0,
    beforeLeaving: leaveWithOthers,
  })
  engine = made
  server = new StoreServer({
    readable: topology.readable,
    partsOf: (name) => made.partsOf(name),
    answer: tell,
  })
  return made
}

async function buildTopology(): Promise<Topology> {
  const built = settled(await importTopology(data.module), data.settling)
  if (describeTopology(built) === data.description) return built
  const { url, name } = data.module
  throw new FatalError(
    'MILLRACE_TOPOLOGY_MODULE_DIFFERS',
    `'${name}' of ${url} builds another topology in a thread than the application was given: ` +
      'build both with that function and the same input'
  )
}

async function openLog(): Promise<KafkaLog> {
  const { thread, applicationId, directory, kafka } = data
  const { guarantee } = data.engine
  return await KafkaLog.connect({
    clientId: applicationId,
    ...kafka,
    applicationId,
    instance: randomUUID(),
    stateDirectory: directory,
    thread,
    logger,
    signal: cut.signal,
    ...(guarantee === undefined ? {} : { guarantee }),
  })
}

/** Otherwise the tasks of the first to go would be handed to those that are about to. */
async function leaveWithOthers(): Promise<void> {
  tell({ kind: 'leaving' })
  await allMayLeave
}

async function release(): Promise<void> {
  for (const close of resources.splice(0)) {
    try {
      await close()
    } catch (error) {
      logger.warn('Closing failed', { error })
    }
  }
}

function tellNews(): void {
  if (engine === undefined) return
  const now = performance.now()
  const snapshot = engine.snapshot()
  if (now - toldAt < signMs && isDeepStrictEqual(snapshot, told)) return
  told = snapshot
  toldAt = now
  tell({ kind: 'snapshot', snapshot })
}

function tell(message: FromThread): void {
  port.postMessage(message)
}
